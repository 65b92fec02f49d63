// Segmenters by the C interface: what nestor::Segmenter gives, for images of all forms.

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "nestor/nestor.h"
#include "nestor/nestor_c.h"
#include "tests/support/encode_image.h"
#include "tests/support/weight_files.h"
#include "weights_convert/synthetic/random_weights.h"

namespace nestor::test {

namespace {

using ModelHandle = std::unique_ptr<nestor_model, decltype(&nestor_model_free)>;
using SessionHandle = std::unique_ptr<nestor_session, decltype(&nestor_session_free)>;

// A session of the small network, whose weights are made up.
struct Opened {
  explicit Opened(const char* network) {
    path = (folder.path() / "m.safetensors").string();
    convert_random(1, path, {.network = network});
    nestor_model* loaded = nullptr;
    REQUIRE(nestor_model_load(path.c_str(), "cpu", &loaded) == NESTOR_OK);
    model.reset(loaded);
    nestor_session* created = nullptr;
    REQUIRE(nestor_session_create(loaded, nullptr, &created) == NESTOR_OK);
    session.reset(created);
  }

  TemporaryFolder folder;
  std::string path;
  ModelHandle model{nullptr, nestor_model_free};
  SessionHandle session{nullptr, nestor_session_free};
};

nestor_image of_pixels(const Image& image) {
  nestor_image given = NESTOR_IMAGE_INIT;
  given.rgb = image.rgb.data();
  given.width = image.width;
  given.height = image.height;
  return given;
}

nestor_image of_bytes(const testing::Bytes& bytes) {
  nestor_image given = NESTOR_IMAGE_INIT;
  given.bytes = bytes.data();
  given.num_bytes = bytes.size();
  return given;
}

void check_map(const nestor_class_map& map, const ClassMap& expected) {
  REQUIRE(map.width == expected.width);
  REQUIRE(map.height == expected.height);
  REQUIRE(map.classes != nullptr);
  CHECK(std::equal(expected.classes.begin(), expected.classes.end(), map.classes));
}

}  // namespace

TEST_CASE("c api: images of all forms and sizes are segmented in one call", "[c][segment][cpu]") {
  const Opened opened("deeplab_resnest_mini");
  Segmenter segmenter(load_model(opened.path, {.device = "cpu"}));
  const Image wide = testing::test_picture(61, 40), high = testing::test_picture(33, 50);
  const testing::Bytes png = testing::encode_png(high), broken(7, 0);
  const std::string file = opened.folder
                               .write("wide.png",
                                      [&] {
                                        const testing::Bytes bytes = testing::encode_png(wide);
                                        return std::string(bytes.begin(), bytes.end());
                                      }())
                               .string();
  nestor_image by_path = NESTOR_IMAGE_INIT;
  by_path.path = file.c_str();
  const std::vector<nestor_image> images = {of_pixels(wide), of_bytes(broken), of_bytes(png),
                                            by_path};
  std::vector<nestor_class_map> maps(4, nestor_class_map NESTOR_CLASS_MAP_INIT);
  std::vector<nestor_image_result> results(4, nestor_image_result NESTOR_IMAGE_RESULT_INIT);
  CHECK(nestor_segment(opened.session.get(), images.data(), 4, maps.data(), results.data()) ==
        NESTOR_BAD_INPUT);
  check_map(maps[0], segmenter.segment(wide));
  check_map(maps[2], segmenter.segment(high));
  check_map(maps[3], segmenter.segment(wide));
  CHECK(maps[1].classes == nullptr);
  CHECK((maps[1].width == 0 && maps[1].height == 0));
  CHECK(results[1].status == NESTOR_BAD_INPUT);
  CHECK_THAT(results[1].message, Catch::Contains("image 1"));
  for (const std::size_t idx : {0, 2, 3}) CHECK(results[idx].status == NESTOR_OK);
}

TEST_CASE("c api: multi-scale segments as nestor::Segmenter does", "[c][segment][cpu]") {
  const Opened opened("deeplab_resnest_mini");
  Segmenter segmenter(load_model(opened.path, {.device = "cpu"}));
  const Image picture = testing::test_picture(50, 40);
  const nestor_image image = of_pixels(picture);
  const double scales[] = {0.75, 1.5};
  nestor_multi_scale options = NESTOR_MULTI_SCALE_INIT;
  options.scales = scales;
  options.num_scales = 2;
  options.flip = 0;
  options.base_size = 64;
  options.crop_size = 48;
  nestor_class_map map = NESTOR_CLASS_MAP_INIT;
  nestor_session* const session = opened.session.get();
  REQUIRE(nestor_segment_multi_scale(session, &image, &options, &map) == NESTOR_OK);
  MultiScaleOptions expected{
      .scales = {0.75, 1.5}, .flip = false, .base_size = 64, .crop_size = 48};
  check_map(map, segmenter.segment_multi_scale(picture, expected));
  options.flip = 1;
  expected.flip = true;
  REQUIRE(nestor_segment_multi_scale(session, &image, &options, &map) == NESTOR_OK);
  check_map(map, segmenter.segment_multi_scale(picture, expected));

  const auto refused = [&](const nestor_multi_scale& wrong) {
    return nestor_segment_multi_scale(session, &image, &wrong, &map) == NESTOR_USAGE;
  };
  nestor_multi_scale wrong = options;
  wrong.batch_size = 0;
  CHECK(refused(wrong));
  wrong = options;
  wrong.scales = nullptr;
  CHECK(refused(wrong));
  wrong = options;
  wrong.size = 8;
  CHECK(refused(wrong));
}

TEST_CASE("c api: the defaults of multi-scale are those of C++", "[c][segment][cpu]") {
  const nestor_multi_scale here = NESTOR_MULTI_SCALE_INIT;
  const MultiScaleOptions there;
  CHECK((here.flip != 0) == there.flip);
  CHECK(here.base_size == there.base_size);
  CHECK(here.crop_size == there.crop_size);
  CHECK(static_cast<std::size_t>(here.batch_size) == there.batch_size);
}

TEST_CASE("c api: segmenters want handles, room and networks that segment", "[c][segment][cpu]") {
  const Opened opened("deeplab_resnest_mini"), other("resnest_mini");
  nestor_session* const session = opened.session.get();
  const Image picture = testing::test_picture(32, 32);
  const nestor_image image = of_pixels(picture);
  nestor_class_map map = NESTOR_CLASS_MAP_INIT;
  CHECK(nestor_segment(nullptr, &image, 1, &map, nullptr) == NESTOR_USAGE);
  CHECK(nestor_segment(session, nullptr, 1, &map, nullptr) == NESTOR_USAGE);
  CHECK(nestor_segment(session, &image, 1, nullptr, nullptr) == NESTOR_USAGE);
  CHECK(nestor_segment(session, &image, -1, &map, nullptr) == NESTOR_USAGE);
  CHECK(nestor_segment(session, nullptr, 0, nullptr, nullptr) == NESTOR_OK);
  CHECK(nestor_segment_multi_scale(nullptr, &image, nullptr, &map) == NESTOR_USAGE);
  CHECK(nestor_segment_multi_scale(session, nullptr, nullptr, &map) == NESTOR_USAGE);
  CHECK(nestor_segment_multi_scale(session, &image, nullptr, nullptr) == NESTOR_USAGE);
  CHECK(nestor_segment(other.session.get(), &image, 1, &map, nullptr) == NESTOR_UNSUPPORTED);
  CHECK_THAT(std::string(nestor_last_error()), Catch::Contains("resnest_mini"));
  nestor_prediction top = NESTOR_PREDICTION_INIT;
  CHECK(nestor_classify(session, &image, 1, 1, &top, nullptr) == NESTOR_UNSUPPORTED);
  map.size = 8;
  CHECK(nestor_segment(session, &image, 1, &map, nullptr) == NESTOR_USAGE);
}

}  // namespace nestor::test
