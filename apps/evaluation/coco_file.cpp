#include "apps/evaluation/coco_file.h"

#include <algorithm>
#include <unordered_set>

#include "apps/evaluation/json_rows.h"
#include "engine/check.h"

namespace nestor {

namespace {

using Lists = std::map<std::string, RowHandler>;

CocoBox box_of(const JsonRow& row) {
  const std::vector<double> numbers = row.numbers("bbox", 4);
  return {numbers[0], numbers[1], numbers[2], numbers[3]};
}

CocoObject object_of(const JsonRow& row) {
  return {.id = row.integer("id"),
          .image_id = row.integer("image_id"),
          .category_id = row.integer("category_id"),
          .box = box_of(row),
          .area = row.number("area"),
          .crowd = row.flag("iscrowd"),
          .difficult = row.flag("difficult") || row.flag("ignore")};
}

// Refuses ids that it has been given before.
class Ids {
 public:
  std::int64_t of(const JsonRow& row) {
    const std::int64_t id = row.integer("id");
    CHECK_AS(kBadInput, ids_.insert(id).second, "{}: id {} occurs twice", row.where(), id);
    return id;
  }

 private:
  std::unordered_set<std::int64_t> ids_;
};

template <class Read>
CocoAnnotations annotations_of(const Read& read) {
  CocoAnnotations all;
  Ids images, categories, objects;
  read(Lists{{"images",
              [&](const JsonRow& row) {
                const std::string name = row.has("file_name") ? row.text("file_name") : "";
                all.images.push_back({.id = images.of(row), .file_name = name});
              }},
             {"categories",
              [&](const JsonRow& row) {
                all.categories.push_back({.id = categories.of(row), .name = row.text("name")});
              }},
             {"annotations", [&](const JsonRow& row) {
                objects.of(row);
                all.objects.push_back(object_of(row));
              }}});
  std::ranges::sort(all.images, {}, &CocoImage::id);
  std::ranges::sort(all.categories, {}, &CocoCategory::id);
  return all;
}

template <class Read>
std::vector<CocoDetection> detections_of(const Read& read, const CocoAnnotations& annotations) {
  std::vector<CocoDetection> all;
  read(Lists{{"", [&](const JsonRow& row) {
                const std::int64_t image_id = row.integer("image_id");
                const bool known =
                    std::ranges::binary_search(annotations.images, image_id, {}, &CocoImage::id);
                CHECK_AS(kBadInput, known, "{}: image {} is not in the annotations", row.where(),
                         image_id);
                all.push_back({.image_id = image_id,
                               .category_id = row.integer("category_id"),
                               .box = box_of(row),
                               .score = row.number("score")});
              }}});
  return all;
}

}  // namespace

CocoAnnotations read_coco_annotations(const std::string& file) {
  return annotations_of([&](const Lists& lists) { read_json_rows(file, lists); });
}

CocoAnnotations read_coco_annotations(std::istream& in, const std::string& file) {
  return annotations_of([&](const Lists& lists) { read_json_rows(in, file, lists); });
}

std::vector<CocoDetection> read_coco_detections(const std::string& file,
                                                const CocoAnnotations& annotations) {
  return detections_of([&](const Lists& lists) { read_json_rows(file, lists); }, annotations);
}

std::vector<CocoDetection> read_coco_detections(std::istream& in, const std::string& file,
                                                const CocoAnnotations& annotations) {
  return detections_of([&](const Lists& lists) { read_json_rows(in, file, lists); }, annotations);
}

}  // namespace nestor
