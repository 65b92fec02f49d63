// Single operators and blocks of segmenters, mostly of small and awkward sizes, through a session.
// Max-pool, resize and argmax are exact; all else is within 1e-5 of the result's largest value.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "engine/graph/builder.h"
#include "engine/model.h"
#include "engine/ops/class_map/class_map.h"
#include "engine/ops/convolution/convolution.h"
#include "engine/ops/global_average_pool/global_average_pool.h"
#include "engine/ops/pooling/pooling.h"
#include "engine/ops/resize_bilinear/resize_bilinear.h"
#include "engine/weights/weight_file.h"
#include "graphs/deeplab.h"
#include "graphs/resnest.h"
#include "graphs/resnet.h"
#include "nestor/session.h"
#include "tests/golden/scratch_folder.h"
#include "tests/golden/segmentation.h"
#include "tests/golden/tolerances.h"
#include "weights_convert/synthetic/values.h"

namespace nestor::golden {

namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr double kTolerance = 1e-5;

struct SyntheticTensor {
  std::string name;
  Shape shape;
  std::vector<float> data;
};

std::vector<SyntheticTensor> inputs_of(const json& row) {
  std::vector<SyntheticTensor> inputs;
  for (const json& input : row.at("inputs")) {
    SyntheticTensor tensor{
        input.at("name"), Shape(input.at("shape").get<std::vector<std::int64_t>>()), {}};
    tensor.data.resize(static_cast<std::size_t>(tensor.shape.num_elements()));
    const auto rule = parse_value_rule(input.at("rule").get<std::string>());
    const auto argument =
        input.contains("arg") ? std::optional<double>(input["arg"]) : std::nullopt;
    fill_synthetic(rule.value(), argument, row.at("salt").get<std::string>() + tensor.name,
                   tensor.shape, tensor.data);
    inputs.push_back(std::move(tensor));
  }
  return inputs;
}

PoolingParams pool_of(const json& args, PoolingParams::Kind kind) {
  return {.kind = kind,
          .kernel = args.at("pool_size"),
          .stride = args.at("strides"),
          .pad = args.value("padding", 0),
          .ceil_mode = args.value("ceil_mode", false),
          .count_include_pad = args.value("count_include_pad", true)};
}

// The component's output in the builder's graph.
ValueId build(GraphBuilder& b, ValueId x, const json& row) {
  const json& args = row.at("args");
  const auto op = row.at("op").get<std::string>();
  const auto size = [&] { return ResizeBilinearParams{args.at("height"), args.at("width")}; };
  if (op == "bilinear_resize") return resize_bilinear(b, x, "op", size());
  if (op == "average_pool")
    return pooling(b, x, "op", pool_of(args, PoolingParams::Kind::kAverage));
  if (op == "max_pool") return pooling(b, x, "op", pool_of(args, PoolingParams::Kind::kMax));
  if (op == "global_average_pool") return global_average_pool(b, x, "op");
  if (op == "argmax_with_ties") {
    return class_map(b, x, "op", {b.shape(x)[2], b.shape(x)[3]});
  }
  if (op == "aspp") return aspp(b, x, 256);
  if (op == "convolution") {
    const ConvolutionParams params{
        .pad = args.at("pad"), .dilation = args.at("dilate"), .groups = args.at("num_group")};
    const Shape weight{args.at("num_filter"), b.shape(x)[1] / params.groups, 3, 3};
    return b.add(convolution_op(), params, {x, b.weight("weight", weight)}, "op");
  }
  const int dilation = args.at("dilation");
  if (op == "resnet_bottleneck") {
    return resnet_block(b, x, {}, {args.at("planes"), 1, dilation, false});
  }
  if (op != "resnest_bottleneck") throw std::runtime_error(op + ": unknown component");
  return resnest_block(
      b, x, {}, {args.at("channels"), 1, dilation, args.at("previous_dilation") != dilation});
}

std::shared_ptr<const Model> model_of(const json& row, const std::vector<SyntheticTensor>& inputs,
                                      const fs::path& file) {
  std::vector<WeightFileWriter::Entry> entries;
  for (std::size_t i = 1; i < inputs.size(); ++i) {
    entries.push_back({.name = inputs[i].name, .dtype = DType::kFloat32, .shape = inputs[i].shape});
  }
  WeightFileWriter writer(file, entries, {});
  for (const WeightFileWriter::Entry& entry : writer.entries()) {
    const auto tensor = std::ranges::find(inputs, entry.name, &SyntheticTensor::name);
    writer.write(std::as_bytes(std::span(tensor->data)));
  }
  writer.finish();
  const auto graph = [row](const Shape& input) {
    GraphBuilder builder;
    builder.output("y", build(builder, builder.input("x", {DType::kFloat32, input}), row));
    return builder.finish();
  };
  return std::make_shared<const Model>(graph, inputs[0].shape, WeightFile::open(file), "cpu");
}

std::vector<float> elements(const TensorView& tensor) {
  if (tensor.desc.dtype == DType::kFloat32) {
    return {values(tensor).begin(), values(tensor).end()};
  }
  const auto* const bytes = tensor.as<std::uint8_t>();
  return {bytes, bytes + tensor.desc.shape.num_elements()};
}

void compare_component(const json& row, const WeightFile& reference, const fs::path& scratch,
                       Report& report) {
  std::vector<SyntheticTensor> inputs = inputs_of(row);
  const auto op = row.at("op").get<std::string>();
  if (op == "argmax_with_ties") {
    const float levels = row.at("args").at("levels");
    for (float& x : inputs[0].data) x = std::floor(x * levels);
  }
  Session session(model_of(row, inputs, scratch / "component.safetensors"),
                  {.precision = Precision::kFp32});
  const TensorView result =
      session.run({{DType::kFloat32, inputs[0].shape}, inputs[0].data.data()})[0].tensor;
  const std::span<const float> want =
      array(reference, row.at("name").get<std::string>() + ".values");
  const std::vector<float> got = sampled(elements(result), row.at("stride"));
  float largest = 0;
  for (const float x : want) largest = std::max(largest, std::abs(x));
  const bool exact = op == "bilinear_resize" || op == "max_pool" || op == "argmax_with_ties";
  const double error = worst(got, want, largest > 0 ? largest : 1);
  const Shape shape(row.at("shape").get<std::vector<std::int64_t>>());
  report.check(error <= (exact ? 0 : kTolerance) && result.desc.shape == shape,
               row.at("name").get<std::string>(), op, fmt::format("{:.1e}", error));
}

}  // namespace

void compare_components(const fs::path& folder, Report& report) {
  const json components = read_json(folder / "components.json").at("components");
  const WeightFile reference = WeightFile::open(folder / "components.safetensors");
  const ScratchFolder scratch;
  for (const json& row : components) compare_component(row, reference, scratch.path(), report);
}

}  // namespace nestor::golden
