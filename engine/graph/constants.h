#pragma once
// The values of a graph that are the same in every run: weights, and what passes made of them.

#include <vector>

#include "engine/graph/graph.h"
#include "engine/weights/weight_store.h"

namespace nestor {

// Computes constants of one graph from one weight store, on demand and keeping none: backends keep
// what they packed. Both must outlive it. Any thread may call value().
class Constants {
 public:
  Constants(const Graph& graph, const WeightStore& store);

  // A float32 tensor in plain layout: a view into the weight file, or computed by the oracles of
  // constant nodes.
  class Tensor {
   public:
    TensorView view() const { return {desc_, owned_.empty() ? view_ : owned_.data()}; }
    const float* data() const { return view().as<float>(); }

   private:
    friend class Constants;
    TensorDesc desc_;
    const void* view_ = nullptr;
    std::vector<float> owned_;
  };
  // Throws kBadModel, naming the tensor, if it is not all finite numbers: what such weights
  // compute is no answer, and not every kernel would let it show.
  Tensor value(ValueId id) const;

  // Identifies a value across the graphs of one model: equal names, equal contents.
  const std::string& name(ValueId id) const { return graph_.value(id).name; }
  const TensorDesc& desc(ValueId id) const { return graph_.desc(id); }

 private:
  Tensor compute(ValueId id) const;

  const Graph& graph_;
  const WeightStore& store_;
  std::vector<int> producers_;
};

}  // namespace nestor
