// DeepLabV3: GluonCV has published it under structural names only; others get the suffixes of their
// framework.

#include "weights_convert/rename/families.h"

namespace nestor {

NameTable deeplab_names() {
  return {"deeplab", with_torch_suffix, staged_legacy_names, ".bn3.gamma"};
}

}  // namespace nestor
