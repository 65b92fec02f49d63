#pragma once
// The networks that this version can run.

#include <string>
#include <vector>

#include "nestor/export.h"
#include "nestor/task.h"

namespace nestor {

struct NESTOR_API NetworkInfo {
  std::string name;    // "resnest50", as GluonCV spells it
  std::string family;  // "resnest"
  Task task = Task::kClassification;
  int input_height = 0;  // of the images that its published accuracy was measured with
  int input_width = 0;
  int num_classes = 0;  // of its published weights
};

// All of them, in the order in which they are listed for users.
NESTOR_API std::vector<NetworkInfo> list_networks();

}  // namespace nestor
