#include "engine/ops/convolution/problem.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>

#include "engine/check.h"

namespace nestor {

namespace {

// "st2" as its key "st" and its number; the number is 0 if there is none.
std::pair<std::string_view, int> split(std::string_view token) {
  const std::size_t digits = token.find_first_of("0123456789");
  if (digits == 0 || digits == std::string_view::npos) return {token, 0};
  int number = 0;
  const auto [end, error] =
      std::from_chars(token.data() + digits, token.data() + token.size(), number);
  if (error != std::errc{} || end != token.data() + token.size()) return {token, 0};
  return {token.substr(0, digits), number};
}

}  // namespace

ConvolutionProblem ConvolutionProblem::parse(std::string_view text) {
  ConvolutionProblem problem;
  ConvolutionParams& p = problem.params;
  int n = 0, c = 0, h = 0, w = 0, k = 0, r = 0, s = 0;
  std::optional<int> pad;
  const std::map<std::string_view, int*> numbers = {
      {"n", &n}, {"c", &c}, {"h", &h},         {"w", &w},          {"k", &k},
      {"r", &r}, {"s", &s}, {"st", &p.stride}, {"d", &p.dilation}, {"g", &p.groups}};
  const std::map<std::string_view, bool*> flags = {{"bias", &p.has_bias},
                                                   {"residual", &p.has_residual},
                                                   {"relu", &p.relu},
                                                   {"swish", &p.swish},
                                                   {"same", &p.same}};
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view token = rest.substr(0, rest.find('_'));
    rest.remove_prefix(std::min(rest.size(), token.size() + 1));
    const auto [key, number] = split(token);
    if (token == "fp32" || token == "fp16" || token == "bf16") {
      problem.precision = parse_precision(token);
    } else if (const auto flag = flags.find(token); flag != flags.end()) {
      *flag->second = true;
    } else if (key == "p") {
      pad = number;
    } else {
      const auto found = numbers.find(key);
      CHECK_AS(kUsage, found != numbers.end() && number > 0, "{}: '{}' is not understood", text,
               token);
      *found->second = number;
    }
  }
  CHECK_AS(kUsage, std::min({n, c, h, w, k, r, s}) > 0 && c % p.groups == 0,
           "{}: expected n, c, h, w, k, r, s, and groups that divide c", text);
  p.pad = pad.value_or(p.same ? 0 : (r - 1) / 2 * p.dilation);
  problem.src = {n, c, h, w};
  problem.weight = {k, c / p.groups, r, s};
  problem.dst = {n, k, convolved_size(p, h, r), convolved_size(p, w, s)};
  return problem;
}

std::string to_string(const ConvolutionProblem& problem) {
  const ConvolutionParams& p = problem.params;
  const Shape &x = problem.src, &f = problem.weight;
  std::string text =
      fmt::format("n{}_c{}_h{}_w{}_k{}_r{}_s{}", x[0], x[1], x[2], x[3], f[0], f[2], f[3]);
  if (p.stride != 1) text += fmt::format("_st{}", p.stride);
  if (p.same) {
    text += "_same";
  } else if (p.pad != (f[2] - 1) / 2 * p.dilation) {
    text += fmt::format("_p{}", p.pad);
  }
  if (p.dilation != 1) text += fmt::format("_d{}", p.dilation);
  if (p.groups != 1) text += fmt::format("_g{}", p.groups);
  if (p.has_bias) text += "_bias";
  if (p.has_residual) text += "_residual";
  if (p.relu) text += "_relu";
  if (p.swish) text += "_swish";
  return fmt::format("{}_{}", text, to_string(problem.precision));
}

}  // namespace nestor
