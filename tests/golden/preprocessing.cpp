// Decoding, resizing, cropping and normalising: golden/preprocessing/README.md.

#include <fmt/core.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "engine/digest.h"
#include "engine/image/resize.h"
#include "engine/image/resize_plan.h"
#include "engine/weights/weight_file.h"
#include "nestor/error.h"
#include "nestor/preprocess.h"
#include "tests/golden/golden.h"

namespace nestor::golden {

namespace {

namespace fs = std::filesystem;
using nlohmann::json;

std::string sha256_of(const void* data, std::size_t size_bytes) {
  return sha256_hex({static_cast<const std::byte*>(data), size_bytes});
}

std::string sha256_of(const Image& image) { return sha256_of(image.rgb.data(), image.rgb.size()); }

// NAME.json and NAME.safetensors.
struct Reference {
  Reference(const fs::path& folder, const std::string& name)
      : arrays(WeightFile::open(folder / (name + ".safetensors"))) {
    std::ifstream file(folder / (name + ".json"));
    index = json::parse(file);
  }

  template <class T>
  std::vector<T> array(const std::string& key) const {
    const WeightFile::Entry* entry = arrays.find(key);
    if (entry == nullptr) throw std::runtime_error(key + ": no array of this name");
    std::vector<T> values(entry->data.size() / sizeof(T));
    std::memcpy(values.data(), entry->data.data(), values.size() * sizeof(T));
    return values;
  }

  json index;
  WeightFile arrays;
};

// Values with the stored samples, elements 0, s, 2s, ...: how many differ by more than the
// tolerance, or nothing.
template <class T>
std::optional<std::string> difference(const std::vector<T>& values, const std::vector<T>& samples,
                                      std::size_t stride, double tolerance) {
  if (samples.size() != (values.size() + stride - 1) / stride) return "another number of values";
  std::size_t num_differing = 0, first_idx = 0;
  double largest = 0;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const double error = std::abs(double(values[i * stride]) - double(samples[i]));
    if (error <= tolerance) continue;  // false for NaN
    if (num_differing++ == 0) first_idx = i * stride;
    largest = std::max(largest, error);
  }
  if (num_differing == 0) return std::nullopt;
  return fmt::format("{} of {} samples differ by up to {}, first at element {}", num_differing,
                     samples.size(), largest, first_idx);
}

class Comparison {
 public:
  Comparison(const fs::path& folder, Report& report) : folder_(folder), report_(report) {}

  void decode() {
    const Reference reference(folder_, "decode");
    for (const json& row : reference.index.at("cases")) {
      decode_case(reference, row, "mxnet", DecoderConvention::kMxnet);
      decode_case(reference, row, "pillow", DecoderConvention::kPillow);
    }
  }

  void gluoncv() {
    const Reference reference(folder_, "gluoncv");
    results_.clear();
    for (const json& row : reference.index.at("cases")) gluoncv_case(reference, row);
    for (const json& row : reference.index.at("sizes")) {
      for (const auto& [size, want] : row.at("classification").items()) {
        check_size(row, size, want, {.contract = PreprocessContract::kGluoncv});
      }
    }
    for (const json& row : reference.index.at("segmentation_grids")) {
      report_.skip("segmentation_grids " + row.at("image").dump(), "segmentation is not built yet");
    }
  }

  void timm() {
    const Reference reference(folder_, "timm");
    results_.clear();
    for (const json& row : reference.index.at("cases")) timm_case(reference, row);
    for (const json& row : reference.index.at("sizes")) {
      for (const auto& [size, want] : row.at("timm").items()) {
        const double ratio = timm_ratio(std::stoi(size));
        check_size(row, size, want, {.contract = PreprocessContract::kTimm, .crop_ratio = ratio});
      }
      for (const auto& [size, want] : row.at("resnest_repository").items()) {
        check_resnest_window(row, size, want);
      }
    }
  }

  void kernels(const std::string& name) {
    const Reference reference(folder_, name);
    for (const json& row : reference.index.at("cases")) kernel_case(name, reference, row);
  }

 private:
  fs::path path_of(const std::string& photo) const {
    for (const char* folder : {"images", "../images"}) {
      if (fs::exists(folder_ / folder / photo)) return folder_ / folder / photo;
    }
    throw std::runtime_error(photo + ": no such photo");
  }

  Image photo(const std::string& name, DecoderConvention convention) const {
    const MappedFile file = MappedFile::open(path_of(name));
    return decode_image(file.bytes(), name, {.convention = convention}).image;
  }

  // --- decoding ---

  void decode_case(const Reference& reference, const json& row, const std::string& decoder,
                   DecoderConvention convention) {
    const std::string name = row.at("case"), file = row.at("file"), expect = row.at("expect");
    const std::string what = "decode as " + decoder;
    const json& outcomes = row.at("outcomes");
    std::optional<Image> image;
    std::string reason;
    try {
      image = photo(file, convention);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kBadInput) throw;
      reason = error.what();
    }
    if (expect == "error") {
      report_.check(!image, name, what, image ? "should be refused" : reason);
    } else if (expect == "either") {
      const bool known = image && std::any_of(outcomes.begin(), outcomes.end(), [&](const json& o) {
                           return o.value("sha256", "") == sha256_of(*image);
                         });
      report_.check(!image || known, name, what, image ? "decoded" : reason);
    } else if (expect != "pixels") {
      report_.fail(name, what, "unknown expectation " + expect);
    } else if (!image) {
      report_.fail(name, what, reason);
    } else {
      json wanted = outcomes.at(decoder);
      for (const json& other : outcomes) {  // the stride is told once for each array
        if (other.value("array", "") == wanted.at("array").get<std::string>() &&
            other.contains("stride")) {
          wanted["stride"] = other["stride"];
        }
      }
      check_pixels(reference, wanted.at("array"), wanted, *image, name, what);
    }
  }

  // --- comparing ---

  void check_pixels(const Reference& reference, const std::string& key, const json& row,
                    const Image& image, const std::string& name, const std::string& what) {
    const json shape = {image.height, image.width, 3};
    if (shape != row.at("shape")) {
      report_.fail(name, what, "shape " + shape.dump() + ", expected " + row.at("shape").dump());
    } else if (sha256_of(image) == row.at("sha256").get<std::string>()) {
      report_.pass(name, what, "equal");
    } else {
      const auto samples = reference.array<std::uint8_t>(key);
      const std::size_t stride = row.value("stride", std::size_t{1});
      report_.fail(name, what,
                   difference(image.rgb, samples, stride, 0).value_or("the samples are equal"));
    }
  }

  void check_floats(const Reference& reference, const json& row, const std::vector<float>& values,
                    double tolerance) {
    const std::string name = row.at("case");
    const auto samples = reference.array<float>(name);
    const auto found = difference(values, samples, row.value("stride", std::size_t{1}), tolerance);
    report_.check(!found, name, "float32", found.value_or("equal"));
  }

  void check_tensor(const Reference& reference, const json& row, const Image& image,
                    const Preprocess& preprocess) {
    std::vector<float> values(image.rgb.size());
    normalise(image, preprocess.normalisation, values.data());
    check_floats(reference, row, values, 0);
  }

  // --- contracts ---

  static Preprocess preprocess_of(const json& row, PreprocessContract contract) {
    Preprocess preprocess{.contract = contract, .crop_size = row.at("shape").at(0)};
    const std::string kernel = row.at("kernel");
    preprocess.interpolation = parse_interpolation(kernel.substr(kernel.find(' ') + 1));
    preprocess.crop_ratio = row.value("crop_pct", preprocess.crop_ratio);
    preprocess.normalisation.mean = row.value("mean", preprocess.normalisation.mean);
    preprocess.normalisation.std = row.value("std", preprocess.normalisation.std);
    return preprocess;
  }

  void contract_case(const Reference& reference, const json& row, const Preprocess& preprocess) {
    const std::string name = row.at("case");
    Image image = resize_and_crop(photo(row.at("photo"), decoder_convention(preprocess.contract)),
                                  preprocess);
    check_pixels(reference, name, row, image, name, "resize and crop");
    results_[name] = {std::move(image), preprocess};
  }

  // Of an image that an earlier case made.
  void tensor_case(const Reference& reference, const json& row) {
    const std::string name = row.at("case");
    const auto made = results_.find(name.substr(0, name.rfind('/')));
    if (made == results_.end()) {
      report_.fail(name, "float32", "the tensor of an unknown case");
    } else {
      check_tensor(reference, row, made->second.image, made->second.preprocess);
    }
  }

  void gluoncv_case(const Reference& reference, const json& row) {
    const std::string name = row.at("case");
    if (name.starts_with("segmentation/evaluation/")) {
      report_.skip(name, "multi-scale evaluation is not built yet");
    } else if (name.starts_with("segmentation/demo/")) {
      check_tensor(reference, row, photo(row.at("photo"), DecoderConvention::kMxnet), {});
    } else if (name.ends_with("/tensor")) {
      tensor_case(reference, row);
    } else if (name.starts_with("classification/")) {
      contract_case(reference, row, preprocess_of(row, PreprocessContract::kGluoncv));
    } else if (name.starts_with("detection/")) {
      detection_case(reference, row);
    } else if (name.starts_with("align_corners/")) {
      align_corners_case(reference, row);
    } else if (name == "normalise") {
      Image levels{256, 1, {}};
      for (int i = 0; i < 256 * 3; ++i) levels.rgb.push_back(static_cast<std::uint8_t>(i / 3));
      check_tensor(reference, row, levels, {});
    } else {
      report_.fail(name, "kind of case", "an unknown kind");
    }
  }

  // Only the kernel; the rule for sizes belongs to detection.
  void detection_case(const Reference& reference, const json& row) {
    const std::string name = row.at("case");
    const Preprocess preprocess = preprocess_of(row, PreprocessContract::kGluoncv);
    const auto target = ResizeTarget::whole(row.at("resized").at(0), row.at("resized").at(1));
    Image image = resize_opencv(photo(row.at("photo"), DecoderConvention::kMxnet), target,
                                preprocess.interpolation);
    check_pixels(reference, name, row, image, name, "resize");
    results_[name] = {std::move(image), preprocess};
  }

  void timm_case(const Reference& reference, const json& row) {
    const std::string name = row.at("case");
    if (name.ends_with("/tensor")) {
      tensor_case(reference, row);
    } else if (name.starts_with("timm/")) {
      contract_case(reference, row, preprocess_of(row, PreprocessContract::kTimm));
    } else if (name.starts_with("resnest_repository/")) {
      contract_case(reference, row, preprocess_of(row, PreprocessContract::kResnest));
    } else {
      report_.fail(name, "kind of case", "an unknown kind");
    }
  }

  double timm_ratio(int size) const {
    std::ifstream file(folder_ / "plan.json");
    const json plan = json::parse(file);
    for (const json& row : plan.at("timm_sizes")) {
      if (row.at(0) == size) return row.at(1);
    }
    throw std::runtime_error(fmt::format("plan.json has no ratio for size {}", size));
  }

  void check_size(const json& row, const std::string& size, const json& want,
                  Preprocess preprocess) {
    preprocess.crop_size = std::stoi(size);
    const json& image = row.at("image");
    const ResizeTarget got = plan_resize(image.at(0), image.at(1), preprocess).target;
    const json resized = {got.width, got.height};
    const json window = {got.window.x, got.window.y, got.window.width, got.window.height};
    report_.check(resized == want.at("resized") && window == want.at("crop"),
                  fmt::format("sizes {} {}", image.dump(), size), to_string(preprocess.contract),
                  resized.dump() + " " + window.dump());
  }

  void check_resnest_window(const json& row, const std::string& size, const json& want) {
    const json& image = row.at("image");
    const Window got =
        plan_resize(image.at(0), image.at(1),
                    {.contract = PreprocessContract::kResnest, .crop_size = std::stoi(size)})
            .window;
    const json window = {got.x, got.y, got.width, got.height};
    report_.check(window == want, fmt::format("sizes {} {}", image.dump(), size), "resnest",
                  window.dump());
  }

  // --- bare kernels ---

  // The top 64 bits' worth of synth.py: element i of the sequence `name`.
  static std::uint64_t synthetic(std::string_view name, std::uint64_t i) {
    std::uint64_t hash = 14695981039346656037U;
    for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211U;
    std::uint64_t z = hash + (i + 1) * 0x9E3779B97F4A7C15U;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31);
  }

  static Image noise(int height, int width) {
    Image image{width, height, {}};
    const std::string name = fmt::format("noise/{}x{}x3", height, width);
    image.rgb.resize(static_cast<std::size_t>(height * width * 3));
    for (std::size_t i = 0; i < image.rgb.size(); ++i) {
      image.rgb[i] = static_cast<std::uint8_t>(synthetic(name, i) >> 56);
    }
    return image;
  }

  struct Pair {
    int h, w, out_h, out_w;
  };

  // KERNEL/16x16_32x32: heights and widths.
  static Pair pair_of(const std::string& name) {
    Pair pair{};
    if (std::sscanf(name.c_str() + name.rfind('/'), "/%dx%d_%dx%d", &pair.h, &pair.w, &pair.out_h,
                    &pair.out_w) != 4) {
      throw std::runtime_error(name + ": no sizes in the case's name");
    }
    return pair;
  }

  void kernel_case(const std::string& library, const Reference& reference, const json& row) {
    static const std::map<std::string, PillowFilter> kFilters = {
        {"box", PillowFilter::kBox},
        {"bilinear", PillowFilter::kBilinear},
        {"bicubic", PillowFilter::kBicubic},
        {"lanczos", PillowFilter::kLanczos}};
    const std::string name = row.at("case"), kernel = name.substr(0, name.find('/'));
    const Pair pair = pair_of(name);
    const ResizeTarget target = ResizeTarget::whole(pair.out_w, pair.out_h);
    const Image image = noise(pair.h, pair.w);
    if (library == "opencv" && kernel == "area") {
      report_.skip("opencv " + name, "no contract resizes by area");
    } else if (library == "opencv") {
      check_pixels(reference, name, row, resize_opencv(image, target, parse_interpolation(kernel)),
                   name, library);
    } else if (!kFilters.contains(kernel)) {
      report_.fail(name, library, "an unknown kernel");
    } else if (library == "pillow12" && pair.out_h < pair.h &&
               pair.h - pair.out_h > 2 * (pair.w - pair.out_w)) {
      report_.skip("pillow12 " + name, "Pillow 12 has another order of passes here");
    } else {
      check_pixels(reference, name, row, resize_pillow(image, target, kFilters.at(kernel)), name,
                   library);
    }
  }

  void align_corners_case(const Reference& reference, const json& row) {
    const Pair pair = pair_of(row.at("case"));
    const std::string input = fmt::format("float/{}x{}", pair.h, pair.w);
    std::vector<float> src(static_cast<std::size_t>(2 * pair.h * pair.w));
    for (std::size_t i = 0; i < src.size(); ++i) {
      const double unit = static_cast<double>(synthetic(input, i) >> 40) * 0x1p-24;
      src[i] = static_cast<float>((2 * unit - 1) * 2.0);
    }
    std::vector<float> dst(static_cast<std::size_t>(2 * pair.out_h * pair.out_w));
    resize_align_corners(src.data(), 2, pair.h, pair.w, dst.data(), pair.out_h, pair.out_w);
    check_floats(reference, row, dst, 1e-5);
  }

  struct Result {
    Image image;
    Preprocess preprocess;
  };

  fs::path folder_;
  Report& report_;
  std::map<std::string, Result> results_;  // of earlier cases
};

}  // namespace

void compare_preprocessing(const fs::path& folder, Report& report) {
  Comparison comparison(folder, report);
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() != ".json") continue;
    const std::string name = entry.path().stem().string();
    if (name == "decode") {
      comparison.decode();
    } else if (name == "gluoncv") {
      comparison.gluoncv();
    } else if (name == "timm") {
      comparison.timm();
    } else if (name == "opencv" || name == "pillow12" || name == "pillow13") {
      comparison.kernels(name);
    } else if (name != "plan") {
      report.fail(name + ".json", "kind of data", "an unknown kind");
    }
  }
}

}  // namespace nestor::golden
