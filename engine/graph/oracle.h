#pragma once
// For ops whose oracle is made of other ops' oracles, of one float32 output each.

#include <any>
#include <vector>

#include "engine/graph/graph.h"

namespace nestor {

// A float32 tensor in plain layout.
struct OracleTensor {
  TensorDesc desc;
  std::vector<float> data;

  TensorView view() const { return {desc, data.data()}; }
};

// What the oracle of `op` says; errors name the node `whole`, of which it is a part.
inline OracleTensor run_oracle(const Node& whole, const Op& op, std::any op_params,
                               const std::vector<TensorView>& inputs) {
  const Node part{&op, std::move(op_params), {}, {}, whole.name};
  std::vector<TensorDesc> descs;
  for (const TensorView& input : inputs) descs.push_back(input.desc);
  OracleTensor output{op.infer(part, descs)[0].desc, {}};
  output.data.resize(static_cast<std::size_t>(output.desc.shape.num_elements()));
  const MutableTensorView to{output.desc, output.data.data()};
  op.reference(part, inputs, {&to, 1});
  return output;
}

}  // namespace nestor
