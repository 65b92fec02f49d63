#pragma once
// A network with its weights, ready to be run by any number of sessions.

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/graph/graph.h"
#include "engine/weights/weight_store.h"

namespace nestor {

class Backend;
class PlanCache;

// A network's graph for inputs of that shape; throws kBadInput for shapes that it cannot take.
using GraphFunction = std::function<Graph(const Shape& input)>;

// Immutable: any number of sessions, in any threads, share one model, and keep it alive. Weights
// are read from the mapped file, prepacked when a first plan needs them, and shared from then on;
// so are plans.
class Model {
 public:
  // Checks that the file has every weight of the network for `nominal_input`; throws kBadModel
  // listing those that are missing or misshapen. `device`: "auto", "cpu", "cuda", "cuda:1"; for
  // plans alone "cuda:sm_70" and the like.
  Model(GraphFunction graph, const Shape& nominal_input, WeightFile weights,
        std::string_view device);
  // The same on a device that is open already.
  Model(GraphFunction graph, const Shape& nominal_input, WeightFile weights,
        std::unique_ptr<Backend> backend);
  ~Model();

  Graph graph(const Shape& input) const { return graph_(input); }
  const WeightStore& weights() const { return weights_; }
  Backend& backend() const { return *backend_; }
  PlanCache& plans() const { return *plans_; }
  const Shape& nominal_input() const { return nominal_input_; }

  // Names under which a session may be asked for tensors.
  std::vector<std::string> tap_names() const;

  // Why "auto" did not find a GPU; empty if it did or was not asked.
  const std::string& why_no_gpu() const { return why_no_gpu_; }

 private:
  GraphFunction graph_;
  Shape nominal_input_;
  WeightStore weights_;
  std::string why_no_gpu_;
  std::unique_ptr<Backend> backend_;
  std::unique_ptr<PlanCache> plans_;
};

}  // namespace nestor
