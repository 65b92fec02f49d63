#include "weights_convert/rename/match.h"

#include <algorithm>
#include <map>
#include <set>

#include "engine/check.h"
#include "engine/printable_text.h"

namespace nestor {

namespace {

constexpr std::size_t kMostLines = 10;
constexpr std::int64_t kMostClasses = 1'000'000;

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

std::vector<Parameter> without_absent(std::vector<Parameter> parameters,
                                      std::span<const NamedTensor> tensors) {
  std::set<std::string_view> names;
  for (const NamedTensor& tensor : tensors) names.insert(tensor.name);
  const bool any = std::ranges::any_of(parameters, [&](const Parameter& parameter) {
    return parameter.optional && names.contains(parameter.name);
  });
  if (!any) std::erase_if(parameters, [](const Parameter& p) { return p.optional; });
  return parameters;
}

namespace {

// The number of classes if `shape` is the parameter's but for that; 0 if it is not.
std::int64_t classes_in(const Parameter& parameter, const Shape& shape) {
  if (shape.rank() != parameter.shape.rank()) return 0;
  Shape expected = parameter.shape;
  expected[0] = shape[0];
  const std::int64_t rows = shape[0] - parameter.other_rows;
  const bool whole = rows > 0 && rows % parameter.rows_of_class == 0;
  const std::int64_t classes = whole ? rows / parameter.rows_of_class : 0;
  return shape == expected && classes <= kMostClasses ? classes : 0;
}

}  // namespace

std::optional<int> classes_of(std::span<const Parameter> parameters,
                              std::span<const NamedTensor> tensors) {
  std::map<std::string_view, const TensorDesc*> by_name;
  for (const NamedTensor& tensor : tensors) {
    if (!by_name.emplace(tensor.name, &tensor.desc).second) return {};
  }
  const std::vector<Parameter> wanted =
      without_absent({parameters.begin(), parameters.end()}, tensors);
  std::int64_t num_classes = 0;
  for (const Parameter& parameter : wanted) {
    const auto found = by_name.find(parameter.name);
    if (found == by_name.end() || !is_floating(found->second->dtype)) return {};
    const Shape& shape = found->second->shape;
    if (!parameter.per_class) {
      if (shape != parameter.shape) return {};
      continue;
    }
    const std::int64_t classes = classes_in(parameter, shape);
    if (classes == 0 || (num_classes != 0 && num_classes != classes)) return {};
    num_classes = classes;
  }
  if (by_name.size() != wanted.size() || num_classes == 0) return {};
  return static_cast<int>(num_classes);
}

}  // namespace nestor
