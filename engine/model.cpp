#include "engine/model.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <ranges>

#include "engine/backend.h"
#include "engine/check.h"
#include "engine/plan/plan_cache.h"

namespace nestor {

namespace {

constexpr std::size_t kMostMessages = 5;

void check_weights(const Graph& graph, const WeightStore& weights) {
  std::vector<std::string> wrong;
  for (const Value& value : graph.values) {
    if (value.kind != Value::Kind::kWeight) continue;
    try {
      weights.get(value.name, value.desc.shape);
    } catch (const Error& error) {
      wrong.emplace_back(error.what());
    }
  }
  if (wrong.size() > kMostMessages) {
    const std::size_t rest = wrong.size() - kMostMessages;
    wrong.resize(kMostMessages);
    wrong.push_back(fmt::format("and {} more tensors that are missing or of another shape", rest));
  }
  CHECK_AS(kBadModel, wrong.empty(), "{}", fmt::join(wrong, "\n"));
}

}  // namespace

Model::Model(GraphFunction graph, const Shape& nominal_input, WeightFile weights,
             std::string_view device)
    : graph_(std::move(graph)),
      nominal_input_(nominal_input),
      weights_(std::move(weights)),
      backend_(open_backend(device, &why_no_gpu_)),
      plans_(std::make_unique<PlanCache>()) {
  check_weights(graph_(nominal_input_), weights_);
}

Model::Model(GraphFunction graph, const Shape& nominal_input, WeightFile weights,
             std::unique_ptr<Backend> backend)
    : graph_(std::move(graph)),
      nominal_input_(nominal_input),
      weights_(std::move(weights)),
      backend_(std::move(backend)),
      plans_(std::make_unique<PlanCache>()) {
  check_weights(graph_(nominal_input_), weights_);
}

Model::~Model() = default;

std::vector<std::string> Model::tap_names() const {
  const Graph graph = graph_(nominal_input_);
  const auto names = graph.taps | std::views::keys;
  return {names.begin(), names.end()};
}

}  // namespace nestor
