#include "bench/ops_bench/problems.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <optional>
#include <set>

#include "engine/check.h"
#include "engine/graph/passes/pass.h"
#include "engine/ops/convolution/problem.h"
#include "engine/plan/planner.h"
#include "graphs/zoo.h"

namespace nestor::ops_bench {

namespace {

Graph graph_of(const ConvolutionProblem& problem) {
  GraphBuilder builder;
  std::vector<ValueId> inputs = {builder.input("src", {DType::kFloat32, problem.src}),
                                 builder.weight("weight", problem.weight)};
  if (problem.params.has_bias) inputs.push_back(builder.weight("bias", {problem.weight[0]}));
  if (problem.params.has_residual) {
    inputs.push_back(builder.input("residual", {DType::kFloat32, problem.dst}));
  }
  builder.output("dst", builder.add(convolution_op(), problem.params, inputs, "convolution"));
  return builder.finish();
}

Graph graph_of(const Graph& whole, const Node& node) {
  GraphBuilder builder;
  std::map<ValueId, ValueId> own;
  std::vector<ValueId> inputs;
  for (const ValueId id : node.inputs) {
    const Value& value = whole.value(id);
    if (!own.contains(id)) {
      own[id] = is_constant(value) ? builder.weight(value.name, value.desc.shape)
                                   : builder.input(value.name, value.desc);
    }
    inputs.push_back(own[id]);
  }
  for (const ValueId id : builder.add_all(*node.op, node.params, inputs, node.name)) {
    builder.output(fmt::format("dst{}", id), id);
  }
  return builder.finish();
}

// Words of a name have no spaces and no slashes: it is one in a shell and to compare.py.
std::string word(std::string text) {
  std::ranges::replace(text, ' ', '_');
  std::ranges::replace(text, '/', '_');
  return text.empty() ? "-" : text;
}

// The string of a convolution that has no more than strings say.
std::optional<std::string> convolution_name(const Graph& graph, const Node& node,
                                            Precision precision) {
  if (node.op != &convolution_op()) return std::nullopt;
  const auto& p = params<ConvolutionParams>(node);
  const std::string text = to_string(ConvolutionProblem{.params = p,
                                                        .src = graph.desc(node.inputs[0]).shape,
                                                        .weight = graph.desc(node.inputs[1]).shape,
                                                        .dst = graph.desc(node.outputs[0]).shape,
                                                        .precision = precision});
  const std::size_t inputs = 2 + (p.has_bias ? 1 : 0) + (p.has_residual ? 1 : 0);
  if (node.inputs.size() != inputs) return std::nullopt;
  if (ConvolutionProblem::parse(text).dst != graph.desc(node.outputs[0]).shape) return std::nullopt;
  return text;
}

std::string name_of(const Graph& graph, const Node& node, Precision precision) {
  if (const auto name = convolution_name(graph, node, precision)) return "convolution/" + *name;
  std::vector<std::string> shapes;
  for (const TensorDesc& desc : input_descs(graph, node)) {
    std::vector<std::int64_t> sizes;
    for (std::size_t i = 0; i < desc.shape.rank(); ++i) sizes.push_back(desc.shape[i]);
    shapes.push_back(fmt::format("{}", fmt::join(sizes, "x")));
  }
  return fmt::format("{}/{}/{}/{}", node.op->name, fmt::join(shapes, ","),
                     word(node.op->describe(node)), to_string(precision));
}

}  // namespace

Problem parse_problem(std::string_view text, int batch) {
  ConvolutionProblem problem = ConvolutionProblem::parse(text);
  if (batch > 0) problem.src[0] = problem.dst[0] = batch;
  return {"convolution/" + to_string(problem), graph_of(problem), problem.precision};
}

std::vector<std::string> read_lines(const std::string& file) {
  std::ifstream stream(file);
  CHECK_AS(kUsage, stream.good(), "{}: cannot be read", file);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) {
    if (!line.empty() && line[0] != '#') lines.push_back(line);
  }
  return lines;
}

std::vector<Problem> problems_of(std::string_view network, int batch, int size, Backend& backend,
                                 Precision precision, int threads) {
  const Network* const found = find_network(network);
  CHECK_AS(kUsage, found != nullptr, "{}", unknown_network(network));
  Shape input = nominal_input(*found);
  input[0] = batch;
  if (size > 0) input[2] = input[3] = size;
  const PlannedSteps planned = make_plan(
      apply_passes(build_graph(*found, {.num_classes = num_classes(*found)}, input)), backend,
      {.batch = batch,
       .height = input[2],
       .width = input[3],
       .precision = precision,
       .device = std::string(backend.name()),
       .threads = threads});
  std::vector<Problem> problems;
  std::set<std::string> names;
  for (const Node& node : planned.graph.nodes) {
    if (is_constant(planned.graph, node)) continue;
    const std::string name = name_of(planned.graph, node, precision);
    if (!names.insert(name).second) continue;
    problems.push_back({name, graph_of(planned.graph, node), precision});
  }
  return problems;
}

}  // namespace nestor::ops_bench
