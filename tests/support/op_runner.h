#pragma once
// The body of all op tests: one node, on every variant of a device, against its oracle. The device is
// the CPU, or the one that the environment names in NESTOR_TEST_DEVICE ("cuda", "simt"): a GPU computes
// each problem in float32 and in float16.

#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/graph/graph.h"
#include "tests/support/problem.h"

namespace nestor::test {

// The names of the variants of an op that the device has, the preferred first.
std::vector<std::string> variant_names(const Op& op);

// Runs the last node of the graph, whose inputs are inputs and weights of the graph, on random data
// with every variant of the device that can do it, and CHECKs each result against Op::reference; a
// problem that no variant of the CPU can do fails. Output and workspace are filled with NaN before.
// Returns the names of the variants that ran.
std::set<std::string> run_variants(const Graph& graph, const Problem& problem, float amplitude = 1);

// The same with the values that `given` has for some inputs, by their names; numbers of int32 inputs
// are whole. What an operator leaves open, rows that an input counts as not in use, is not compared.
using GivenInputs = std::map<std::string, std::vector<float>, std::less<>>;
std::set<std::string> run_variants(const Graph& graph, const Problem& problem,
                                   const GivenInputs& given);

// A row of a test's table: what makes the graph, and the problems.
using GraphOf = Graph (*)(const Problem& problem);

// run_variants() for each problem; then CHECKs that each variant of `op` that is not for another GPU
// ran at least once.
void run_table(const Op& op, GraphOf graph, std::span<const char* const> problems);

}  // namespace nestor::test
