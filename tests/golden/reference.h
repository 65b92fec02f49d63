#pragma once
// Reading reference data.

#include <filesystem>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "engine/weights/weight_file.h"
#include "nestor/image.h"
#include "nestor/tensor.h"

namespace nestor::golden {

nlohmann::json read_json(const std::filesystem::path& path);

// A float32 array of a reference file.
std::span<const float> array(const WeightFile& file, const std::string& name);

std::span<const std::int32_t> int_array(const WeightFile& file, const std::string& name);

std::span<const float> values(const TensorView& tensor);

// Every `stride`-th element, from the first on.
std::vector<float> sampled(std::span<const float> all, std::size_t stride);

// A picture file, decoded as the networks' preprocessing does. Throws if it has another size.
Image read_picture(const std::filesystem::path& path, std::int64_t height, std::int64_t width);

}  // namespace nestor::golden
