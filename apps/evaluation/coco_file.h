#pragma once
// COCO's files: objects that people marked in images, and detections.

#include <array>
#include <cstdint>
#include <istream>
#include <string>
#include <vector>

namespace nestor {

struct CocoImage {
  std::int64_t id = 0;
  std::string file_name;  // empty if the file has none
};

struct CocoCategory {
  std::int64_t id = 0;
  std::string name;
};

using CocoBox = std::array<double, 4>;  // x and y of the top left corner, width, height: pixels

struct CocoObject {
  std::int64_t id = 0, image_id = 0, category_id = 0;
  CocoBox box = {};
  double area = 0;  // of its outline, as the file states it
  bool crowd = false;
  bool difficult = false;  // "difficult" or "ignore", as files made of VOC's have it
};

// In ascending order of the ids: images and categories. Objects as they stand in the file.
struct CocoAnnotations {
  std::vector<CocoImage> images;
  std::vector<CocoCategory> categories;
  std::vector<CocoObject> objects;
};

struct CocoDetection {
  std::int64_t image_id = 0, category_id = 0;
  CocoBox box = {};
  double score = 0;
};

// Throw kBadInput, naming `file` and the entry, for members that are missing or of another type, and
// for ids that occur twice.
CocoAnnotations read_coco_annotations(const std::string& file);
CocoAnnotations read_coco_annotations(std::istream& in, const std::string& file);

// A results file, as pycocotools reads it. Throws kBadInput for an image that `annotations` do not
// have, as pycocotools does.
std::vector<CocoDetection> read_coco_detections(const std::string& file,
                                                const CocoAnnotations& annotations);
std::vector<CocoDetection> read_coco_detections(std::istream& in, const std::string& file,
                                                const CocoAnnotations& annotations);

}  // namespace nestor
