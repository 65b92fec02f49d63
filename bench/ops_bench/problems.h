#pragma once
// What nestor_ops_bench times: single nodes, from strings and from the plans of networks.

#include <string>
#include <string_view>
#include <vector>

#include "engine/backend.h"
#include "engine/graph/builder.h"
#include "engine/graph/graph.h"

namespace nestor::ops_bench {

// A graph of one node that reads inputs and weights only.
struct Problem {
  std::string name;  // "convolution/n1_c64_h56_...", "pooling/1x64x112x112/3x3_s2_p1_max/fp32"
  Graph graph;
  Precision precision = Precision::kFp32;

  const Node& node() const { return graph.nodes.back(); }
};

// Of a convolution (engine/ops/convolution/problem.h); batch 0: the string's own.
Problem parse_problem(std::string_view text, int batch);

// Those of a file with one a line; lines that begin with '#' and empty ones are left out.
std::vector<std::string> read_lines(const std::string& file);

// Each different node of the network's plan on that device, once. Batch, precision and size (pixels a
// side; 0: the network's own) are those of the plan.
std::vector<Problem> problems_of(std::string_view network, int batch, int size, Backend& backend,
                                 Precision precision, int threads);

}  // namespace nestor::ops_bench
