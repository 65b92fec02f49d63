// Plans for GPUs that are not there.

#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "engine/backend.h"
#include "engine/graph/builder.h"
#include "engine/graph/passes/pass.h"
#include "engine/ops/convolution/convolution.h"
#include "engine/plan/fused_floor.h"
#include "engine/plan/planner.h"
#include "engine/session_internals.h"
#include "graphs/zoo.h"
#include "nestor/error.h"
#include "tests/support/model.h"
#include "tests/support/weights.h"

namespace nestor {

namespace {

Plan plan_for(const Network& network, std::string_view device, std::int64_t batch,
              Precision precision = Precision::kFp16, const std::vector<std::string>& taps = {},
              const std::vector<std::string>& excluded_variants = {}, bool deterministic = false) {
  Shape input = nominal_input(network);
  input[0] = batch;
  const Graph graph = build_graph(network, {}, input);
  const auto backend = open_backend(device);
  const PlanKey key{.batch = batch,
                    .height = input[2],
                    .width = input[3],
                    .precision = precision,
                    .device = std::string(device),
                    .taps = taps,
                    .excluded_variants = excluded_variants,
                    .deterministic = deterministic};
  return make_plan(apply_passes(with_taps(graph, taps)), *backend, key).plan;
}

std::int64_t total_bytes(const Plan& plan) {
  std::int64_t sum = 0;
  for (const Step& step : plan.steps) sum += step.bytes;
  return sum;
}

// Launches of each bottleneck block ("layer1.0"), of those with a shortcut convolution too.
struct Block {
  int launches = 0;
  bool has_shortcut = false, has_shortcut_pool = false;
};
std::map<std::string, Block> blocks_of(const Plan& plan) {
  std::map<std::string, Block> blocks;
  for (const Step& step : plan.steps) {
    if (!step.name.starts_with("layer")) continue;
    Block& block = blocks[step.name.substr(0, step.name.find('.', step.name.find('.') + 1))];
    block.launches += step.gpu->launches;
    const bool shortcut = step.name.find("downsample") != std::string::npos;
    block.has_shortcut |= shortcut && step.op == "convolution";
    block.has_shortcut_pool |= shortcut && step.op == "pooling";
  }
  return blocks;
}

}  // namespace

TEST_CASE("cuda plans: every network on every architecture, in both precisions",
          "[cuda_plan][cpu]") {
  for (const Network& network : networks()) {
    if (task(network) != Task::kClassification) continue;
    for (const char* const device : {"cuda:sm_70", "cuda:sm_75", "cuda:sm_80", "cuda:sm_90a"}) {
      for (const std::int64_t batch : {1, 16}) {
        for (const Precision precision : {Precision::kFp16, Precision::kFp32}) {
          INFO(network.name << " on " << device << ", batch " << batch);
          const Plan plan = plan_for(network, device, batch, precision);
          REQUIRE(plan.gpu);
          for (const Step& step : plan.steps) {
            INFO(step.name << " " << step.op << " " << step.variant);
            REQUIRE(step.gpu);
            CHECK(step.gpu->grid[0] * step.gpu->grid[1] * step.gpu->grid[2] > 0);
            CHECK(step.gpu->block % 32 == 0);
            CHECK(step.gpu->block <= 1024);
            CHECK(step.gpu->waves > 0);
            CHECK(step.gpu->floor_us > 0);
            CHECK(step.gpu->modelled_us > 0);
          }
          CHECK(plan.gpu->modelled_us > plan.gpu->floor_us);
        }
      }
    }
  }
}

TEST_CASE("cuda plans: a segmenter stores no concatenation, no scores of the image's size",
          "[cuda_plan][cpu][segment]") {
  for (const char* const device : {"cuda:sm_70", "cuda:sm_90a"}) {
    for (const std::int64_t batch : {1, 16}) {
      const Plan plan = plan_for(*find_network("deeplab_resnest50_ade"), device, batch);
      const auto count = [&](std::string_view op) {
        return std::ranges::count(plan.steps, op, &Step::op);
      };
      CHECK(count("class_map") == 1);
      CHECK(count("image_bias") == 1);
      CHECK(count("concat") == 0);
      CHECK(count("resize_bilinear") == 0);
      CHECK(plan.gpu->modelled_us > plan.gpu->floor_us);
    }
  }
  const Plan with_logits = plan_for(*find_network("deeplab_resnest_mini"), "cuda:sm_80", 2,
                                    Precision::kFp16, {"logits", "head.aspp.concurent.4"});
  CHECK(std::ranges::count(with_logits.steps, "resize_bilinear", &Step::op) == 2);
}

TEST_CASE("cuda plans: EfficientNet has kernels of its own for what others have not",
          "[cuda_plan][cpu]") {
  const Network& network = *find_network("tf_efficientnet_b2");
  const Plan plan = plan_for(network, "cuda:sm_70", 16, Precision::kFp16);
  const auto count = [&](std::string_view variant) {
    return std::ranges::count(plan.steps, variant, &Step::variant);
  };
  constexpr int kBlocks = 23;
  CHECK(plan.steps.front().variant.starts_with("stem_convolution"));
  CHECK(count("depthwise_convolution") == kBlocks);
  CHECK(count("convolution_of_vectors") == 2 * kBlocks);
  CHECK(std::ranges::count(plan.steps, "convert", &Step::op) == 0);
}

TEST_CASE("cuda plans: detectors have a kernel for every step", "[cuda_plan][cpu][detect]") {
  const Network& network = *find_network("faster_rcnn_fpn_syncbn_resnest50_coco");
  for (const char* const device : {"cuda:sm_70", "cuda:sm_90a"}) {
    for (const Precision precision : {Precision::kFp16, Precision::kFp32}) {
      const Plan plan = plan_for(network, device, 1, precision);
      INFO(device << " " << to_string(precision));
      const auto launches = [&](std::string_view op) {
        int sum = 0;
        for (const Step& step : plan.steps) sum += step.op == op ? step.gpu->launches : 0;
        return sum;
      };
      CHECK(launches("upsample_add") == 3);
      CHECK(launches("anchor_rows") == 2);
      CHECK(launches("roi_align") == 1);
      // Five steps, and the doublings of sorted runs of 2048 up to 267069 anchors, to the million
      // scores of 1000 regions and classes.
      CHECK(launches("proposals") == 5 + 8);
      CHECK(launches("detections") == 5 + 9);
      CHECK(plan.gpu->launches < 250);
      CHECK(plan.gpu->modelled_us > plan.gpu->floor_us);
    }
  }
}

TEST_CASE("cuda plans: what no kernel can do is named", "[cuda_plan][cpu]") {
  GraphBuilder b;
  const ValueId image = b.input("input", {DType::kFloat32, {1, 8, 32, 32}});
  b.output("wide", convolution(b, image, "conv1", {.channels = 8, .kernel = 7, .bias = true}));
  const auto backend = open_backend("cuda:sm_70");
  try {
    make_plan(apply_passes(b.finish()), *backend,
              {.precision = Precision::kFp16,
               .device = "cuda:sm_70",
               .taps = {},
               .excluded_variants = {}});
    FAIL("planned a 7x7 convolution of 8 channels");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::kUnsupported);
    CHECK(std::string(error.what()).find("conv1 (convolution") != std::string::npos);
  }
}

TEST_CASE("cuda plans: the first convolution reads the input as it is given", "[cuda_plan][cpu]") {
  for (const char* const name : {"resnest50", "resnet101_v1b"}) {
    for (const Precision precision : {Precision::kFp16, Precision::kFp32}) {
      const Plan plan = plan_for(*find_network(name), "cuda:sm_70", 1, precision);
      CHECK(plan.steps[0].op == "convolution");
      CHECK(plan.steps[0].inputs[0] == plan.input);
    }
  }
}

TEST_CASE("cuda plans: taps have steps of their own", "[cuda_plan][cpu]") {
  const std::vector<std::string> taps{"stem", "layer1.attention", "layer4", "layer4.attention"};
  for (const char* const name : {"resnest50", "resnest50_fast_2s2x40d"}) {
    const Plan plan = plan_for(*find_network(name), "cuda:sm_70", 1, Precision::kFp16, taps);
    CHECK(plan.outputs.size() == 5);
  }
}

// `python3 roofline.py --network N` (batch 16, V100, fp16, fusion "full"), per image.
TEST_CASE("cuda plans: the fully fused floor is the roofline's", "[cuda_plan][cpu]") {
  struct Row {
    const char* network;
    double floor_us, megabytes;
  };
  for (const Row& row : {Row{"resnest50", 118.68, 73.22}, Row{"resnest101", 266.66, 147.28},
                         Row{"resnest200", 729.19, 424.86}, Row{"resnest269", 1555.72, 882.10}}) {
    INFO(row.network);
    const Plan plan = plan_for(*find_network(row.network), "cuda:sm_70", 16);
    CHECK(plan.gpu->floor_us / 16 == Approx(row.floor_us).epsilon(0.01));
    CHECK(static_cast<double>(plan.gpu->floor_bytes) / 16e6 == Approx(row.megabytes).epsilon(0.01));
    // Merged shortcuts save a residual that the floor counts.
    CHECK(static_cast<double>(total_bytes(plan)) >=
          0.9 * static_cast<double>(plan.gpu->floor_bytes));
    CHECK(plan.gpu->modelled_us >= plan.gpu->steps_floor_us);
  }
}

// The goals are those of the design, by the model; nothing was measured.
TEST_CASE("cuda plans: launches of a block, bytes and modelled time keep to the goals",
          "[cuda_plan][cpu]") {
  struct Row {
    const char* network;
    double goal_ms;
  };
  for (const Row& row : {Row{"resnest50", 0.217}, Row{"resnest101", 0.51}, Row{"resnest200", 1.23},
                         Row{"resnest269", 2.74}}) {
    const Plan plan = plan_for(*find_network(row.network), "cuda:sm_70", 16);
    for (const auto& [block, found] : blocks_of(plan)) {
      INFO(row.network << " " << block);
      CHECK(found.launches <= 4 + (found.has_shortcut || found.has_shortcut_pool ? 1 : 0));
    }
    INFO(row.network);
    CHECK(plan.gpu->modelled_us / 16e3 <= row.goal_ms);
    CHECK(static_cast<double>(total_bytes(plan)) <=
          1.25 * static_cast<double>(plan.gpu->floor_bytes));
  }
}

TEST_CASE("cuda plans: loads are fused where the model says it is faster", "[cuda_plan][cpu]") {
  const Network& network = *find_network("resnest50");
  const auto count = [](const Plan& plan, std::string_view op, std::string_view words) {
    return std::ranges::count_if(plan.steps, [&](const Step& step) {
      return step.op == op && step.parameters.find(words) != std::string::npos;
    });
  };
  const Plan fused = plan_for(network, "cuda:sm_70", 16);
  const Plan apart =
      plan_for(network, "cuda:sm_70", 16, Precision::kFp16, {}, {"fused_convolution_sm70"});
  CHECK(count(apart, "fused_convolution", "") == 0);
  CHECK(fused.gpu->modelled_us < apart.gpu->modelled_us);
  CHECK(fused.gpu->launches < apart.gpu->launches);
  CHECK(total_bytes(fused) < total_bytes(apart));
  CHECK(fused.gpu->floor_bytes == apart.gpu->floor_bytes);
  CHECK(fused.gpu->floor_us == apart.gpu->floor_us);
  const auto multiply_adds = [](const Plan& plan) {
    std::int64_t sum = 0;
    for (const Step& step : plan.steps) sum += step.multiply_adds;
    return sum;
  };
  CHECK(multiply_adds(fused) == multiply_adds(apart));
  // Stages 1 to 3 weight their radix parts in conv3's load, AVD blocks do not.
  CHECK(count(fused, "fused_convolution", "weighted x2") == 11);
  CHECK(count(fused, "fused_convolution", "pool3") == 0);
  CHECK(count(fused, "fused_convolution", "+shortcut") == 4);
  // Without a kernel that writes the weighted sum, every block is weighted in the load.
  const Plan gates = plan_for(network, "cuda:sm_70", 16, Precision::kFp16, {}, {"split_attention"});
  CHECK(count(gates, "fused_convolution", "weighted x2") == 16);
  CHECK(count(gates, "fused_convolution", "pool3 s2") == 3);
}

TEST_CASE("cuda plans: convolutions leave split attention its sums", "[cuda_plan][cpu]") {
  const Plan plan = plan_for(*find_network("resnest50"), "cuda:sm_80", 16);
  int with_sums = 0;
  for (const Step& step : plan.steps) {
    if (step.op != "split_attention") continue;
    ++with_sums;
    const BufferFormat& format = plan.buffers[static_cast<std::size_t>(step.inputs[0])].format;
    CHECK(format.sums_tile > 0);
    CHECK(format.sums_parts == 2);
    CHECK(step.gpu->launches == 1);
  }
  CHECK(with_sums == 16);
}

TEST_CASE("cuda plans: the stem's maximum is part of its last convolution where that is faster",
          "[cuda_plan][cpu]") {
  const auto num_pools = [](const Plan& plan) {
    return std::ranges::count(plan.steps, "pooling", &Step::op);
  };
  const auto total_macs = [](const Plan& plan) {
    std::int64_t sum = 0;
    for (const Step& step : plan.steps) sum += step.multiply_adds;
    return sum;
  };
  // Bottlenecks of ResNet-101 v1s have no poolings.
  const Network& network = *find_network("resnet101_v1s");
  for (const char* const device : {"cuda:sm_70", "cuda:sm_80"}) {
    const Plan fused = plan_for(network, device, 16);
    const Plan tapped = plan_for(network, device, 16, Precision::kFp16, {"bn1.relu"});
    CHECK(num_pools(fused) == 0);
    CHECK(num_pools(tapped) == 1);
    CHECK(total_macs(fused) == total_macs(tapped));
    CHECK(fused.gpu->modelled_us < tapped.gpu->modelled_us);
    CHECK(fused.gpu->floor_bytes == tapped.gpu->floor_bytes);
    const auto step = std::ranges::find(fused.steps, "convolution_max_pool", &Step::variant);
    REQUIRE(step != fused.steps.end());
    const Buffer& dst = fused.buffers[static_cast<std::size_t>(step->outputs[0])];
    CHECK(dst.shape == Shape{16, 128, 56, 56});
    CHECK(step->parameters.find("maxpool max 3x3 s2 p1") != std::string::npos);
  }
  CHECK(num_pools(plan_for(network, "cuda:sm_70", 16, Precision::kFp32)) == 1);
}

TEST_CASE("cuda plans: deterministic ones have the same tiles and sums for any batch",
          "[cuda_plan][cpu]") {
  for (const char* const name : {"resnest50", "resnest101", "resnest200", "resnest269"}) {
    for (const char* const device : {"cuda:sm_70", "cuda:sm_80"}) {
      INFO(name << " on " << device);
      const Network& network = *find_network(name);
      const Plan large = plan_for(network, device, 16, Precision::kFp16, {}, {}, true);
      CHECK(large.gpu->batch_dependent_us == plan_for(network, device, 16).gpu->modelled_us);
      CHECK(large.gpu->modelled_us >= large.gpu->batch_dependent_us);
      CHECK(large.gpu->modelled_us < 1.2 * large.gpu->batch_dependent_us);
      for (const std::int64_t batch : {1, 3, 40}) {
        const Plan plan = plan_for(network, device, batch, Precision::kFp16, {}, {}, true);
        REQUIRE(plan.steps.size() == large.steps.size());
        for (std::size_t i = 0; i < plan.steps.size(); ++i) {
          const Step &step = plan.steps[i], &other = large.steps[i];
          INFO(step.name);
          CHECK(step.variant == other.variant);
          CHECK(step.gpu->tile == other.gpu->tile);
          CHECK(step.gpu->launches == other.gpu->launches);
          const auto dst = static_cast<std::size_t>(step.outputs[0]);
          CHECK(plan.buffers[dst].format == large.buffers[dst].format);
        }
      }
    }
  }
}

TEST_CASE("cuda plans: a session plans without a GPU and refuses to run", "[cuda_plan][cpu]") {
  const GraphFunction graph = test::graph_of_network("resnest14");
  const Shape shape{1, 3, 64, 64};
  const auto model =
      std::make_shared<const Model>(graph, shape, test::weight_file(graph(shape), 1), "cuda:sm_70");
  Session session(model, {});
  const Plan& plan = SessionInternals::plan(session, shape);
  CHECK(plan.key.precision == Precision::kFp16);
  const auto json = nlohmann::json::parse(to_json(plan));
  for (const char* const field :
       {"steps", "total_bytes", "floor_bytes", "modelled_ms_per_image", "arena_bytes"}) {
    CHECK(json.contains(field));
  }
  for (const char* const field : {"variant", "grid", "block", "shared_bytes", "waves", "bytes",
                                  "flops", "floor_us", "modelled_us"}) {
    CHECK(json["steps"][0].contains(field));
  }
  const test::Images images(shape);
  try {
    session.run(images.view());
    FAIL("ran on a device that is not there");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::kUnsupported);
    CHECK(std::string(error.what()).find("plans only") != std::string::npos);
  }
}

TEST_CASE("cuda devices: names that do not exist are refused with a reason", "[cuda_plan][cpu]") {
  const auto refusal = [](const char* device) -> std::string {
    try {
      open_backend(device);
    } catch (const Error& error) {
      return error.code() == ErrorCode::kUnsupported ? error.what() : "another error";
    }
    return "opened";
  };
  CHECK(refusal("cuda:sm_60").find("sm_70") != std::string::npos);
  CHECK(refusal("cuda:x").find("cuda:N") != std::string::npos);
  CHECK(refusal("gpu").find("cuda") != std::string::npos);
}

}  // namespace nestor
