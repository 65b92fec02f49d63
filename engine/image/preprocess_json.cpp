// A Preprocess as metadata of a weight file:
//
//   {"contract": "timm", "crop_size": 224, "crop_ratio": 0.875, "interpolation": "bilinear",
//    "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
//
// Of other rules than "crop" also "rule", and "short_side" and "longest_side" if it has them.

#include <cmath>
#include <nlohmann/json.hpp>

#include "engine/check.h"
#include "engine/printable_text.h"
#include "nestor/preprocess.h"

namespace nestor {

namespace {

using nlohmann::json;

constexpr std::size_t kMostBytes = 4096;
constexpr int kDeepest = 2;  // a number of an array of the object

// Ends parsing before brackets within brackets become a tree that only deep recursion can print.
bool not_too_deep(int depth, json::parse_event_t, json&) {
  CHECK_AS(kBadModel, depth <= kDeepest, "arrays or objects within one another");
  return true;
}

// 0.485 rather than 0.48500001430511475, if that comes back as the same float.
double shortest(float value) {
  const double decimal = std::stod(fmt::format("{}", value));
  return static_cast<float>(decimal) == value ? decimal : double{value};
}

json to_array(const std::array<float, 3>& values) {
  return {shortest(values[0]), shortest(values[1]), shortest(values[2])};
}

std::array<float, 3> three_numbers(const json& array, std::string_view what) {
  CHECK_AS(kBadModel, array.is_array() && array.size() == 3, "{}: not three numbers", what);
  std::array<float, 3> values;
  for (std::size_t c = 0; c < 3; ++c) {
    values[c] = array[c].get<float>();
    CHECK_AS(kBadModel, std::isfinite(values[c]), "{}: not finite", what);
  }
  return values;
}

int side(const json& value, std::string_view what) {
  CHECK_AS(kBadModel, value.is_number_integer() && value >= 1 && value <= kMaxCropSize,
           "{} {}: should be 1 to {}", what, shortened(value.dump()), kMaxCropSize);
  return value.get<int>();
}

Preprocess from_object(const json& object) {
  Preprocess preprocess;
  CHECK_AS(kBadModel, object.is_object(), "not a JSON object");
  for (const auto& [key, value] : object.items()) {
    if (key == "contract") {
      preprocess.contract = parse_preprocess_contract(value.get<std::string>());
    } else if (key == "crop_size") {
      preprocess.crop_size = side(value, key);
    } else if (key == "crop_ratio") {
      preprocess.crop_ratio = value.get<double>();
      CHECK_AS(kBadModel, preprocess.crop_ratio >= kMinCropRatio && preprocess.crop_ratio <= 1,
               "crop_ratio {}: should be {} to 1", preprocess.crop_ratio, kMinCropRatio);
    } else if (key == "interpolation") {
      preprocess.interpolation = parse_interpolation(value.get<std::string>());
    } else if (key == "mean") {
      preprocess.normalisation.mean = three_numbers(value, key);
    } else if (key == "std") {
      preprocess.normalisation.std = three_numbers(value, key);
      for (const float std : preprocess.normalisation.std)
        CHECK_AS(kBadModel, std > 0, "std {}: not above 0", std);
    } else if (key == "rule") {
      preprocess.rule = parse_resize_rule(value.get<std::string>());
    } else if (key == "short_side") {
      preprocess.short_side = side(value, key);
    } else if (key == "longest_side") {
      preprocess.longest_side = side(value, key);
    } else {
      fail(ErrorCode::kBadModel, "unknown key {}", quoted_name(key));
    }
  }
  CHECK_AS(kBadModel, object.contains("contract") && object.contains("crop_size"),
           "no contract or no crop_size in it");
  CHECK_AS(kBadModel, preprocess.short_side <= preprocess.longest_side,
           "short_side {} is above longest_side {}", preprocess.short_side,
           preprocess.longest_side);
  return preprocess;
}

}  // namespace

std::string to_json(const Preprocess& preprocess) {
  nlohmann::ordered_json object;
  object["contract"] = to_string(preprocess.contract);
  object["crop_size"] = preprocess.crop_size;
  object["crop_ratio"] = preprocess.crop_ratio;
  object["interpolation"] = to_string(preprocess.interpolation);
  object["mean"] = to_array(preprocess.normalisation.mean);
  object["std"] = to_array(preprocess.normalisation.std);
  if (preprocess.rule != ResizeRule::kCrop) object["rule"] = to_string(preprocess.rule);
  if (preprocess.rule == ResizeRule::kShortSideWithin) {
    object["short_side"] = preprocess.short_side;
    object["longest_side"] = preprocess.longest_side;
  }
  return object.dump();
}

Preprocess preprocess_from_json(std::string_view text, const std::string& file) {
  try {
    CHECK_AS(kBadModel, text.size() <= kMostBytes, "{} bytes, expected at most {}", text.size(),
             kMostBytes);
    return from_object(json::parse(text, not_too_deep));
  } catch (const json::exception& error) {
    fail(ErrorCode::kBadModel, "{}: preprocessing metadata: {}", file, shortened(error.what()));
  } catch (const Error& error) {
    fail(ErrorCode::kBadModel, "{}: preprocessing metadata: {}", file, error.what());
  }
}

}  // namespace nestor
