#include "nestor/task.h"

namespace nestor {

std::string_view to_string(Task task) {
  switch (task) {
    case Task::kClassification: return "classification";
    case Task::kDetection: return "detection";
    case Task::kSegmentation: break;
  }
  return "segmentation";
}

}  // namespace nestor
