#include "apps/evaluation/coco_file.h"

#include <catch2/catch.hpp>
#include <sstream>
#include <string>

#include "nestor/error.h"
#include "tests/support/weight_files.h"

using namespace nestor;
using Catch::Matchers::Contains;

namespace {

CocoAnnotations annotations_in(const std::string& text) {
  std::istringstream in(text);
  return read_coco_annotations(in, "file");
}

std::string refusal_of_annotations(const std::string& text) {
  const auto [code, message] = test::error_of([&] { annotations_in(text); });
  CHECK(code == ErrorCode::kBadInput);
  return message;
}

std::string refusal_of_detections(const std::string& text) {
  const CocoAnnotations annotations{.images = {{1, "a.jpg"}}, .categories = {}, .objects = {}};
  const auto [code, message] = test::error_of([&] {
    std::istringstream in(text);
    read_coco_detections(in, "file", annotations);
  });
  CHECK(code == ErrorCode::kBadInput);
  return message;
}

// An annotations file with one of its lists replaced.
std::string file_with(const std::string& list, const std::string& rows) {
  const auto rows_of = [&](const std::string& name) {
    return "\"" + name + "\": " + (name == list ? rows : "[]");
  };
  return "{" + rows_of("images") + "," + rows_of("categories") + "," + rows_of("annotations") + "}";
}

const std::string kObject =
    R"("id": 7, "image_id": 1, "category_id": 2, "bbox": [1, 2.5, 3, 4], "area": 12)";

}  // namespace

TEST_CASE("annotations are read, whatever else is in the file", "[evaluation]") {
  const CocoAnnotations read = annotations_in(R"({
    "info": {"images": [1, [2]], "year": 2017}, "licenses": [{"id": 1}],
    "images": [{"id": 9, "file_name": "b.jpg", "flags": [[1], null]}, {"file_name": "a.jpg", "id": 3.0}],
    "annotations": [{"id": 7, "segmentation": [[1, 2], [3]], "iscrowd": 1, "bbox": [1, 2.5, 3, 4],
                     "image_id": 9, "category_id": 2, "area": 12, "extra": {"bbox": [0], "id": 1}},
                    {"id": 8, "segmentation": {"counts": [1, 2], "size": [3, 4]}, "ignore": 1,
                     "bbox": [0, 0, 1, 1], "image_id": 3, "category_id": 2, "area": 1}],
    "categories": [{"id": 5, "name": "cat"}, {"id": 2, "name": "dog", "supercategory": "animal"}]})");
  REQUIRE(read.images.size() == 2);
  CHECK(read.images[0].id == 3);  // in the order of the ids
  CHECK(read.images[0].file_name == "a.jpg");
  REQUIRE(read.categories.size() == 2);
  CHECK(read.categories[0].name == "dog");
  REQUIRE(read.objects.size() == 2);
  CHECK(read.objects[0].id == 7);
  CHECK(read.objects[0].image_id == 9);
  CHECK(read.objects[0].box == CocoBox{1, 2.5, 3, 4});
  CHECK(read.objects[0].crowd);
  CHECK(!read.objects[0].difficult);
  CHECK(read.objects[1].difficult);
}

TEST_CASE("errors of annotations name file, entry and member", "[evaluation]") {
  const auto object = [](const std::string& more) {
    return refusal_of_annotations(file_with("annotations", "[{" + kObject + "}, {" + more + "}]"));
  };
  CHECK(object(R"("image_id": 1)") == "file: annotations[1] has no id");
  CHECK(object(R"("id": "8")") == "file: annotations[1]: id is no integer of 64 bits");
  CHECK(object(R"("id": 8.5)") == "file: annotations[1]: id is no integer of 64 bits");
  CHECK(object(R"("id": 18446744073709551615)") ==
        "file: annotations[1]: id is no integer of 64 bits");
  CHECK(object(kObject) == "file: annotations[1]: id 7 occurs twice");
  const std::string other = R"("id": 8, "image_id": 1, "category_id": 2, )";
  CHECK(object(other + R"("bbox": [1, 2, 3], "area": 1)") ==
        "file: annotations[1]: bbox has 3 numbers, expected 4");
  for (const char* const box : {"[1, 2, 3, null]", "[1, 2, [3], 4]", "{}", "null", "\"1 2 3 4\"",
                                "[1, 2, 3, \"4\"]", "7"}) {
    CHECK(object(other + R"("area": 1, "bbox": )" + box) ==
          "file: annotations[1]: bbox is no list of numbers");
  }
  CHECK(object(other + R"("bbox": [1, 2, 3, 4], "area": [])") ==
        "file: annotations[1]: area is no number");
  CHECK(object(other + R"("bbox": [1, 2, 3, 4], "area": 1, "iscrowd": "no")") ==
        "file: annotations[1]: iscrowd is no flag");
}

TEST_CASE("files that are no annotations are refused", "[evaluation]") {
  CHECK(refusal_of_annotations("[]") == "file: a list, expected an object");
  CHECK(refusal_of_annotations("7") == "file: a single value, expected an object");
  CHECK(refusal_of_annotations("{}") == "file: there is no list annotations");
  CHECK(refusal_of_annotations(file_with("images", "{}")) == "file: there is no list images");
  CHECK(refusal_of_annotations(file_with("images", "null")) == "file: images is no list");
  CHECK(refusal_of_annotations(file_with("images", "[1]")) == "file: images[0] is no object");
  CHECK(refusal_of_annotations(file_with("images", "[{\"id\": 1}, []]")) ==
        "file: images[1] is no object");
  CHECK(refusal_of_annotations(file_with("images", "[], \"images\": []")) ==
        "file: images occurs twice");
  CHECK_THAT(refusal_of_annotations(""), Contains("no sound JSON"));
  CHECK_THAT(refusal_of_annotations("{\"images\": [NaN]}"), Contains("no sound JSON at byte"));
  CHECK_THAT(refusal_of_annotations("{\"images\": [1e999]}"), Contains("no sound JSON"));
  CHECK_THAT(refusal_of_annotations(file_with("images", "[]") + "}"), Contains("no sound JSON"));
  for (const std::string open : {"[", "{\"a\":"}) {
    std::string deep = "{\"a\": ";
    for (int i = 0; i < 100'000; ++i) deep += open;
    CHECK(refusal_of_annotations(deep) == "file: nested more than 64 deep");
  }
}

TEST_CASE("detections are rows of a list, and of known images", "[evaluation]") {
  const CocoAnnotations annotations{.images = {{1, ""}, {5, ""}}, .categories = {}, .objects = {}};
  std::istringstream in(
      R"([{"image_id": 5, "category_id": 18, "bbox": [1, 2, 3, 4], "score": 0.5},
          {"image_id": 1, "category_id": 99, "bbox": [1, 2, 3, 4], "score": 1, "segmentation": []}])");
  const std::vector<CocoDetection> read = read_coco_detections(in, "file", annotations);
  REQUIRE(read.size() == 2);
  CHECK(read[0].image_id == 5);
  CHECK(read[0].score == 0.5);
  CHECK(read[1].category_id == 99);

  const std::string row = R"("category_id": 1, "bbox": [1, 2, 3, 4], "score": 1)";
  CHECK(refusal_of_detections("[{\"image_id\": 2, " + row + "}]") ==
        "file: [0]: image 2 is not in the annotations");
  CHECK(refusal_of_detections("[{" + row + "}]") == "file: [0] has no image_id");
  CHECK(refusal_of_detections("[[]]") == "file: [0] is no object");
  CHECK(refusal_of_detections("[1]") == "file: [0] is no object");
  CHECK(refusal_of_detections("{}") == "file: an object, expected a list");
  CHECK(refusal_of_detections("null") == "file: a single value, expected a list");
}

TEST_CASE("only regular files are read", "[evaluation]") {
  for (const char* const path : {"/dev/zero", "/", "/none/annotations.json"}) {
    const auto [code, message] = test::error_of([&] { read_coco_annotations(path); });
    CHECK(code == ErrorCode::kBadInput);
    CHECK_THAT(message, Contains(path));
  }
}
