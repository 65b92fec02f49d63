#include "weights_convert/rename/match.h"

#include <algorithm>
#include <unordered_map>

#include "engine/check.h"

namespace nestor {

namespace {

bool is_floating(DType dtype) {
  return dtype == DType::kFloat32 || dtype == DType::kFloat16 || dtype == DType::kBFloat16 ||
         dtype == DType::kFloat64;
}

// "layer1.0.bn1.gamma", and how the file spells it where it does so differently.
std::string both_names(const NamedTensor& tensor) {
  if (tensor.name == tensor.source_name) return tensor.name;
  return fmt::format("{} (in the file: {})", tensor.name, tensor.source_name);
}

class Mismatches {
 public:
  void missing(const Parameter& parameter) {
    ++missing_;
    add("missing", parameter.name, parameter.shape.to_string(), "nothing");
  }
  void unexpected(const NamedTensor& tensor) {
    ++unexpected_;
    add("unexpected", both_names(tensor), "nothing", to_string(tensor.desc));
  }
  void twice(const NamedTensor& tensor) {
    ++unexpected_;
    add("twice", both_names(tensor), "one", "another one");
  }
  void misshapen(const Parameter& parameter, const NamedTensor& tensor) {
    ++misshapen_;
    add("misshapen", both_names(tensor), parameter.shape.to_string(), to_string(tensor.desc));
  }

  void check(const std::string& file, const std::string& network) const {
    CHECK_AS(kBadModel, lines_.empty(),
             "{}: not the weights of {}: {} tensors missing, {} unexpected, {} misshapen{}", file,
             network, missing_, unexpected_, misshapen_, lines_);
  }

 private:
  void add(std::string_view problem, std::string_view name, std::string_view expected,
           std::string_view found) {
    lines_ += fmt::format("\n  {:10} {}: expected {}, found {}", problem, name, expected, found);
  }

  int missing_ = 0, unexpected_ = 0, misshapen_ = 0;
  std::string lines_;
};

}  // namespace

std::vector<std::size_t> match_parameters(std::span<const Parameter> parameters,
                                          std::span<const NamedTensor> tensors,
                                          const std::string& file, const std::string& network) {
  Mismatches mismatches;
  std::unordered_map<std::string_view, std::size_t> by_name;
  std::vector<bool> wanted(tensors.size(), false);
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    if (by_name.emplace(tensors[i].name, i).second) continue;
    mismatches.twice(tensors[i]);
    wanted[i] = true;  // reported already
  }
  std::vector<std::size_t> result;
  for (const Parameter& parameter : parameters) {
    const auto found = by_name.find(parameter.name);
    if (found == by_name.end()) {
      mismatches.missing(parameter);
      continue;
    }
    const NamedTensor& tensor = tensors[found->second];
    wanted[found->second] = true;
    if (tensor.desc.shape != parameter.shape || !is_floating(tensor.desc.dtype)) {
      mismatches.misshapen(parameter, tensor);
    }
    result.push_back(found->second);
  }
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    if (!wanted[i]) mismatches.unexpected(tensors[i]);
  }
  mismatches.check(file, network);
  return result;
}

}  // namespace nestor
