#include "apps/evaluation/classification_metric.h"

#include <catch2/catch.hpp>

#include "apps/evaluation/labelled_images.h"
#include "nestor/error.h"
#include "tests/support/weight_files.h"

using namespace nestor;
using Catch::Matchers::Contains;
using Catch::Matchers::EndsWith;

TEST_CASE("the best class counts for top1, the best five for top5", "[evaluation]") {
  ClassificationMetric metric;
  CHECK(metric.top1() == 0);
  CHECK(metric.calibration_error() == 0);
  metric.add(3, std::vector{3, 1, 2, 4, 5}, 1);
  metric.add(5, std::vector{3, 1, 2, 4, 5}, 1);
  metric.add(6, std::vector{3, 1, 2, 4, 5, 6}, 1);  // the sixth does not count
  metric.add(0, std::vector{0, 1}, 1);
  CHECK(metric.top1() == 0.5);
  CHECK(metric.top5() == 0.75);
}

TEST_CASE("the calibration error is how far probabilities are from what is right", "[evaluation]") {
  ClassificationMetric metric;
  // Of one bin 0.9 and 0.92: half of them are right.
  metric.add(1, std::vector{1}, 0.9);
  metric.add(2, std::vector{1}, 0.92);
  CHECK(metric.calibration_error() == Approx(0.41));
  // Another with 2 / 15, which belongs to the second bin, and is wrong.
  metric.add(2, std::vector{1}, 2.0 / 15);
  CHECK(metric.bins()[1].images == 1);
  CHECK(metric.bins()[13].images == 2);
  CHECK(metric.calibration_error() == Approx((0.82 + 2.0 / 15) / 3));
  metric.add(1, std::vector{1}, 1);
  metric.add(1, std::vector{1}, 0);
  CHECK(metric.bins()[14].images == 1);
  CHECK(metric.bins()[0].images == 1);
}

namespace {

class Folders {
 public:
  explicit Folders(const std::vector<std::string>& names) {
    for (const std::string& name : names) {
      std::filesystem::create_directory(folder_.path() / name);
      folder_.write(name + "/photo.JPEG", "");
    }
  }
  std::vector<int> class_ids(const ModelInfo& info) const {
    std::vector<int> ids;
    for (const LabelledImage& image : images_by_folder(folder_.path().string(), info)) {
      ids.push_back(image.class_id);
    }
    return ids;
  }

 private:
  test::TemporaryFolder folder_;
};

ModelInfo model(std::vector<std::string> labels) {
  return {.num_classes = static_cast<int>(labels.size()), .labels = std::move(labels)};
}

}  // namespace

TEST_CASE("folders are classes by the model's names, by WordNet id, or in order", "[evaluation]") {
  CHECK(Folders({"dog", "cat"}).class_ids(model({"dog", "bird", "cat"})) == std::vector{2, 0});
  CHECK(Folders({"b", "a", "c"}).class_ids(model({"x", "y", "z"})) == std::vector{0, 1, 2});
  const ModelInfo imagenet = model(std::vector<std::string>(1000, "name"));
  CHECK(Folders({"n15075141", "n01440764"}).class_ids(imagenet) == std::vector{0, 999});
  CHECK_THROWS_WITH(Folders({"a", "b"}).class_ids(model({"x", "y", "z"})),
                    Contains("2 folders, the model has 3 classes"));
}

TEST_CASE("a list has paths and class numbers", "[evaluation]") {
  const test::TemporaryFolder folder;
  const auto read = [&](const std::string& text) {
    return images_in_list(folder.write("list.txt", text).string(), "photos", model({"x", "y"}));
  };
  const std::vector<LabelledImage> images = read("a b.jpg 1\n/c.jpg\t0\r\n");
  REQUIRE(images.size() == 2);
  CHECK(images[0].path == "photos/a b.jpg");
  CHECK(images[0].class_id == 1);
  CHECK(images[1].path == "/c.jpg");
  for (const char* const line :
       {"a.jpg", "a.jpg 2", "a.jpg -1", "a.jpg x", " 1", "a.jpg 1.5", "a.jpg 99999999999"}) {
    CHECK_THROWS_WITH(read(line), Contains("expected a path and a class from 0 to 1"));
  }
}
