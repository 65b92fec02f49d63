// ResNeSt: PyTorch's split attention calls its first batch norm bn0.

#include "weights_convert/rename/families.h"

namespace nestor {

namespace {

constexpr std::string_view kGluonNorm = ".conv2.bn.";
constexpr std::string_view kTorchNorm = ".conv2.bn0.";

std::string torch_name(std::string_view canonical) {
  std::string name = with_torch_suffix(canonical);
  const std::size_t position = name.find(kGluonNorm);
  if (position != std::string::npos) name.replace(position, kGluonNorm.size(), kTorchNorm);
  return name;
}

}  // namespace

NameTable resnest_names() { return {"resnest", torch_name, staged_legacy_names, ".bn3.gamma"}; }

}  // namespace nestor
