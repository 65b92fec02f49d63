// COCO's files, which users bring along: by its first byte the input is annotations or detections.
// What can be read is evaluated, too.

#include <cmath>
#include <cstdint>
#include <sstream>
#include <string>

#include "apps/evaluation/coco_metric.h"
#include "apps/evaluation/voc_metric.h"
#include "nestor/error.h"

namespace {

using namespace nestor;

CocoAnnotations known_annotations() {
  const CocoObject object{
      .id = 1, .image_id = 1, .category_id = 1, .box = {0, 0, 9, 9}, .area = 81};
  return {.images = {{1, "a"}}, .categories = {{1, "cat"}}, .objects = {object}};
}

void evaluate(const CocoAnnotations& annotations, const std::vector<CocoDetection>& detections) {
  for (const double figure : evaluate_coco(annotations, detections).figures) {
    if (!(figure == -1 || (figure >= 0 && figure <= 1 + 1e-9))) __builtin_trap();
  }
  evaluate_voc(annotations, detections);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::istringstream in(std::string(reinterpret_cast<const char*>(data) + 1, size - 1));
  try {
    if ((data[0] & 1) != 0) {
      const CocoAnnotations annotations = read_coco_annotations(in, "input");
      std::vector<CocoDetection> detections;  // each object, found
      for (const CocoObject& object : annotations.objects) {
        detections.push_back({object.image_id, object.category_id, object.box, object.area});
      }
      evaluate(annotations, detections);
    } else {
      const CocoAnnotations annotations = known_annotations();
      evaluate(annotations, read_coco_detections(in, "input", annotations));
    }
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kBadInput) __builtin_trap();
  }
  return 0;
}
