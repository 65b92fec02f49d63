#include "weights_convert/rename/match.h"

#include <algorithm>
#include <map>

#include "engine/check.h"
#include "engine/printable_text.h"

namespace nestor {

namespace {

constexpr std::size_t kMostLines = 10;
constexpr std::int64_t kMostClasses = 1'000'000;

// "fc.", the last layer, whose size is the number of classes.
std::string_view head_of(std::span<const Parameter> parameters) {
  if (parameters.empty()) return {};
  const std::string_view name = parameters.back().name;
  return name.substr(0, name.rfind('.') + 1);
}

bool is_floating(DType dtype) {
  return dtype == DType::kFloat32 || dtype == DType::kFloat16 || dtype == DType::kBFloat16 ||
         dtype == DType::kFloat64;
}

// "layer1.0.bn1.gamma", and how the file spells it if it does so differently.
std::string both_names(const NamedTensor& tensor) {
  const std::string name = shortened(tensor.name);
  if (tensor.name == tensor.source_name) return name;
  return fmt::format("{} (in the file: {})", name, shortened(tensor.source_name));
}

class Mismatches {
 public:
  void missing(const Parameter& parameter, const ObjectNames& objects) {
    ++missing_;
    const auto object = objects.find(parameter.name);
    add("missing", parameter.name, parameter.shape.to_string(),
        object == objects.end() ? "nothing" : "an object of " + quoted_name(object->second));
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
    CHECK_AS(kBadModel, num_lines_ == 0,
             "{}: not the weights of {}: {} tensors missing, {} unexpected, {} misshapen{}{}", file,
             network, missing_, unexpected_, misshapen_, lines_,
             num_lines_ <= kMostLines ? std::string()
                                      : fmt::format("\n  and {} more", num_lines_ - kMostLines));
  }

 private:
  void add(std::string_view problem, std::string_view name, std::string_view expected,
           std::string_view found) {
    if (++num_lines_ > kMostLines) return;
    lines_ += fmt::format("\n  {:10} {}: expected {}, found {}", problem, name, expected, found);
  }

  int missing_ = 0, unexpected_ = 0, misshapen_ = 0;
  std::size_t num_lines_ = 0;
  std::string lines_;
};

}  // namespace

std::vector<std::size_t> match_parameters(std::span<const Parameter> parameters,
                                          std::span<const NamedTensor> tensors,
                                          const std::string& file, const std::string& network,
                                          const ObjectNames& objects) {
  Mismatches mismatches;
  std::map<std::string_view, std::size_t> by_name;  // names may be made to have one hash
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
      mismatches.missing(parameter, objects);
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

std::optional<int> classes_of(std::span<const Parameter> parameters,
                              std::span<const NamedTensor> tensors) {
  std::map<std::string_view, const TensorDesc*> by_name;
  for (const NamedTensor& tensor : tensors) {
    if (!by_name.emplace(tensor.name, &tensor.desc).second) return {};
  }
  const std::string_view head = head_of(parameters);
  std::int64_t num_classes = 0;
  for (const Parameter& parameter : parameters) {
    const auto found = by_name.find(parameter.name);
    if (found == by_name.end() || !is_floating(found->second->dtype)) return {};
    const Shape& shape = found->second->shape;
    if (!parameter.name.starts_with(head)) {
      if (shape != parameter.shape) return {};
      continue;
    }
    const bool same_features = shape.rank() == parameter.shape.rank() &&
                               (shape.rank() == 1 || shape[1] == parameter.shape[1]);
    if (!same_features || shape[0] < 1 || shape[0] > kMostClasses) return {};
    if (num_classes != 0 && num_classes != shape[0]) return {};
    num_classes = shape[0];
  }
  if (by_name.size() != parameters.size() || num_classes == 0) return {};
  return static_cast<int>(num_classes);
}

}  // namespace nestor
