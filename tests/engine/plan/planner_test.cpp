#include "engine/plan/planner.h"

#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <set>

#include "engine/graph/builder.h"
#include "engine/graph/passes/pass.h"
#include "engine/ops/radix_sum/radix_sum.h"
#include "engine/ops/relu/relu.h"
#include "graphs/zoo.h"
#include "nestor/error.h"

namespace nestor {

namespace {

PlanKey key_of(const Shape& input, Precision precision = Precision::kFp32) {
  return {.batch = input[0],
          .height = input[2],
          .width = input[3],
          .precision = precision,
          .device = "cpu",
          .threads = 2,
          .taps = {},
          .excluded_variants = {}};
}

Plan plan_of(const Network& network, const Shape& input, Precision precision = Precision::kFp32) {
  const auto backend = open_backend("cpu");
  const Graph graph = apply_passes(build_graph(network, {}, input));
  return std::move(make_plan(graph, *backend, key_of(input, precision)).plan);
}

// What every plan promises: what a step reads was written before and is still live, nothing that
// is live at the same time overlaps, and all of it lies within the arena.
std::string broken_promise(const Plan& plan) {
  const auto steps = static_cast<int>(plan.steps.size());
  std::set<int> written{plan.input};
  for (int i = 0; i < steps; ++i) {
    const Step& step = plan.steps[static_cast<std::size_t>(i)];
    for (const int idx : step.inputs) {
      if (idx < 0) continue;
      const Buffer& b = plan.buffers[static_cast<std::size_t>(idx)];
      if (!written.contains(idx)) return fmt::format("step {} reads {} too early", i, b.name);
      if (i < b.first_step || i > b.last_step)
        return fmt::format("{} is dead in step {}", b.name, i);
    }
    for (const int idx : step.outputs) {
      const Buffer& b = plan.buffers[static_cast<std::size_t>(idx)];
      if (i < b.first_step || i > b.last_step)
        return fmt::format("{} is dead in step {}", b.name, i);
      written.insert(idx);
    }
  }
  struct Block {
    std::size_t begin, end;
    int first, last;
  };
  std::vector<Block> blocks;
  for (const Buffer& b : plan.buffers) {
    blocks.push_back({b.offset, b.offset + b.bytes, b.first_step, b.last_step});
  }
  for (int i = 0; i < steps; ++i) {
    const Step& step = plan.steps[static_cast<std::size_t>(i)];
    blocks.push_back({step.workspace_offset, step.workspace_offset + step.workspace_bytes, i, i});
  }
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    if (blocks[i].end > plan.arena_bytes) return fmt::format("block {} is outside the arena", i);
    for (std::size_t j = 0; j < i; ++j) {
      const bool in_time = blocks[i].first <= blocks[j].last && blocks[j].first <= blocks[i].last;
      const bool in_space = blocks[i].begin < blocks[j].end && blocks[j].begin < blocks[i].end;
      if (in_time && in_space) return fmt::format("blocks {} and {} overlap", i, j);
    }
  }
  const auto backend = open_backend("cpu");
  for (const PlanOutput& output : plan.outputs) {
    const Buffer& b = plan.buffers[static_cast<std::size_t>(output.buffer)];
    if (b.last_step != steps - 1) return fmt::format("output {} dies early", output.name);
    // Other layouts are allowed where the bytes are the same: nChw8c of 1000 channels at 1x1.
    const BufferFormat plain{b.format.dtype, Layout::kPlain};
    const bool as_users_get_it =
        b.format.dtype == DType::kFloat32 || b.format.dtype == DType::kInt32;
    if (!as_users_get_it || !backend->same_bytes(b.shape, b.format, plain)) {
      return fmt::format("output {} is {}, not plain", output.name, to_string(b.format));
    }
  }
  return {};
}

constexpr double kMostWaste = 1.15;

void check_plan(const Network& network, const Shape& input, Precision precision) {
  const Plan plan = plan_of(network, input, precision);
  INFO(network.name << " " << input.to_string());
  CHECK(broken_promise(plan) == "");
  const double ratio =
      static_cast<double>(plan.arena_bytes) / static_cast<double>(plan.lower_bound_bytes);
  CHECK(ratio <= kMostWaste);
}

}  // namespace

TEST_CASE("plans of small networks keep their promises, and their arena is tight", "[plan][cpu]") {
  for (const char* const name : {"resnest14", "resnest50", "resnest50_fast_2s2x40d",
                                 "resnest50_fast_1s4x24d", "resnet101_v1d"}) {
    const Network& network = *find_network(name);
    for (const std::int64_t batch : {1, 16}) {
      for (const Shape& size : {Shape{32, 32}, Shape{161, 227}}) {
        check_plan(network, {batch, 3, size[0], size[1]}, Precision::kFp32);
      }
    }
  }
}

TEST_CASE("plans of all networks keep their promises, and their arena is tight",
          "[plan][cpu][slow]") {
  for (const Network& network : networks()) {
    if (task(network) != Task::kClassification) {
      check_plan(network, nominal_input(network), Precision::kFp32);
      check_plan(network, {2, 3, 161, 227}, Precision::kFp32);
      continue;
    }
    const std::int64_t native = classification(network).evaluation.input_size;
    for (const std::int64_t batch : {1, 16}) {
      for (const auto& size : std::set<std::pair<std::int64_t, std::int64_t>>{
               {32, 32}, {161, 227}, {224, 224}, {native, native}}) {
        check_plan(network, {batch, 3, size.first, size.second}, Precision::kFp32);
      }
    }
  }
}

TEST_CASE("plans in bf16 keep their promises", "[plan][cpu][bf16]") {
  for (const char* const name : {"resnest14", "resnest50_fast_4s2x40d"}) {
    check_plan(*find_network(name), {2, 3, 97, 65}, Precision::kBf16);
  }
}

TEST_CASE("attention is computed in float32 in bf16 plans too, where a tap splits it",
          "[plan][cpu][bf16]") {
  const Network& network = *find_network("resnest14");
  const std::vector<std::string> taps{"layer1.attention"};
  const Graph graph = apply_passes(with_taps(build_graph(network, {}, {1, 3, 64, 64}), taps));
  const std::unique_ptr<Backend> backend = open_backend("cpu");
  const Plan plan = make_plan(graph, *backend, {.precision = Precision::kBf16}).plan;
  int checked = 0;
  for (const Step& step : plan.steps) {
    if (step.name != "layer1.0.conv2.bn1.relu" && step.name != "layer1.0.conv2.fc1" &&
        step.name != "layer1.0.conv2.fc2" && step.name != "layer1.0.conv2.attention") {
      continue;
    }
    INFO(step.name);
    CHECK(plan.buffers[static_cast<std::size_t>(step.outputs[0])].format.dtype == DType::kFloat32);
    ++checked;
  }
  CHECK(checked == 3);
}

TEST_CASE("the residual is overwritten only where nobody else reads it", "[plan][cpu]") {
  const Network& network = *find_network("resnest14");
  const auto steps_in_place = [](const Plan& plan) {
    int count = 0;
    for (const Step& step : plan.steps) {
      count += std::ranges::count(step.inputs, step.outputs[0]) > 0;
    }
    return count;
  };
  const Shape input{1, 3, 64, 64};
  CHECK(steps_in_place(plan_of(network, input)) == 4);  // one block a stage
  // A tapped shortcut must survive: the step works on a copy of it.
  const auto backend = open_backend("cpu");
  const std::vector<std::string> taps{"layer1.0.downsample.2"};
  const Graph graph = apply_passes(with_taps(build_graph(network, {}, input), taps));
  const Plan plan = std::move(make_plan(graph, *backend, key_of(input)).plan);
  CHECK(broken_promise(plan) == "");
  const int tapped = plan.outputs[1].buffer;
  int writers = 0;
  for (const Step& step : plan.steps) writers += step.outputs[0] == tapped;
  CHECK(writers == 1);
}

TEST_CASE("nodes without a variant are an error that lists all of them", "[plan][cpu]") {
  GraphBuilder builder;
  ValueId x = builder.input("input", {DType::kFloat32, {1, 12, 4, 4}});
  x = radix_sum(builder, relu(builder, x, "relu"), "odd_sum", {2});
  builder.output("y", radix_sum(builder, x, "odder_sum", {2}));
  const Graph graph = builder.finish();
  const auto backend = open_backend("cpu");
  try {
    make_plan(graph, *backend, key_of({1, 12, 4, 4}));
    FAIL("nothing was thrown");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::kUnsupported);
    CHECK(std::string(error.what()) ==
          "the cpu backend has no fp32 variant of: odd_sum (radix_sum radix 2), odder_sum "
          "(radix_sum radix 2)");
  }
}

TEST_CASE("a precision that the device lacks is unsupported", "[plan][cpu]") {
  const auto backend = open_backend("cpu");
  for (const Precision precision : {Precision::kFp16, Precision::kTf32}) {
    CHECK_THROWS_WITH(backend->require(precision), Catch::Contains("fp32 and bf16"));
  }
  CHECK_THROWS_WITH(open_backend("tpu"), Catch::Contains("'tpu'") && Catch::Contains("cpu"));
}

TEST_CASE("a plan's JSON says the same as its text", "[plan][cpu]") {
  const Network& network = *find_network("resnest14");
  const Plan plan = plan_of(network, {2, 3, 65, 97});
  const auto json = nlohmann::json::parse(to_json(plan));
  const std::string text = to_string(plan);
  CHECK(json.at("batch") == 2);
  CHECK(json.at("height") == 65);
  CHECK(json.at("width") == 97);
  CHECK(json.at("precision") == "fp32");
  CHECK(json.at("arena_bytes") == plan.arena_bytes);
  CHECK(json.at("lower_bound_bytes") == plan.lower_bound_bytes);
  CHECK(json.at("total_flops") == 2 * 2 * multiply_adds(network, 65, 97));
  REQUIRE(json.at("steps").size() == plan.steps.size());
  REQUIRE(json.at("buffers").size() == plan.buffers.size());
  using Catch::Contains;
  CHECK_THAT(text, Contains("plan for batch 2 of 65 x 97, fp32 on cpu, 2 threads"));
  CHECK_THAT(text, Contains(fmt::format("{} steps, {:.3f} GMAC", plan.steps.size(),
                                        json.at("total_flops").get<double>() / 2e9)));
  for (std::size_t i = 0; i < plan.steps.size(); ++i) {
    const auto& step = json.at("steps")[i];
    const auto line_begin = text.find(fmt::format("\n{:4} {:34} ", i, plan.steps[i].name));
    REQUIRE(line_begin != std::string::npos);
    const std::string line =
        text.substr(line_begin + 1, text.find('\n', line_begin + 1) - line_begin - 1);
    for (const char* const field : {"name", "op", "variant", "parameters"}) {
      CHECK_THAT(line, Contains(step.at(field).get<std::string>()));
    }
    const auto& dst = json.at("buffers")[step.at("outputs")[0].get<std::size_t>()];
    CHECK_THAT(line, Contains(dst.at("dtype").get<std::string>() + " " +
                              dst.at("layout").get<std::string>()));
  }
}

TEST_CASE("precisions have the names that they are parsed from", "[plan][cpu]") {
  for (const char* const name : {"fp32", "tf32", "fp16", "bf16"}) {
    CHECK(to_string(parse_precision(name)) == name);
  }
  CHECK_THROWS_WITH(parse_precision("fp64"), Catch::Contains("'fp64'") && Catch::Contains("bf16"));
}

}  // namespace nestor
