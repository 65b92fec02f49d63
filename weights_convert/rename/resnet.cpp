// ResNet v1b, v1d, v1s: PyTorch's names differ in their suffixes only.

#include "weights_convert/rename/families.h"

namespace nestor {

NameTable resnet_names() {
  return {"resnet", with_torch_suffix, staged_legacy_names, ".bn3.gamma"};
}

}  // namespace nestor
