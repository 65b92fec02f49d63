#pragma once
// Environment variables that commands read, as their help lists them.

#include <initializer_list>
#include <span>
#include <vector>

#include "apps/common/help.h"

namespace nestor {

// Variables for commands that run models.
inline constexpr HelpRow kDeviceEnvironment[] = {
    {"NESTOR_TUNING", "tuning file for GPUs, or none"},
    {"CUDA_VISIBLE_DEVICES", "GPUs that the process may use"},
};

// Variables for commands that keep files between runs.
inline constexpr HelpRow kCacheEnvironment[] = {
    {"NESTOR_HOME", "cache folder (default: nestor in $XDG_CACHE_HOME, else ~/.cache/nestor)"},
    {"XDG_CACHE_HOME", "folder that holds the cache folder if NESTOR_HOME is not set"},
};

// Variables for commands that fetch official weights.
inline constexpr HelpRow kWeightsEnvironment[] = {
    {"NESTOR_WEIGHTS_URL", "mirror to fetch weights from, like --base-url"},
    {"NESTOR_REGISTRY", "list of weight files, like --registry"},
    {"MXNET_HOME, TORCH_HOME",
     "folders of weights that GluonCV (~/.mxnet) and torch hub (~/.cache/torch) have downloaded; "
     "they are used where they lie"},
    {"HF_HUB_CACHE, HF_HOME",
     "folders of weights that the Hugging Face hub (~/.cache/huggingface) has downloaded, "
     "likewise"},
    {"HF_ENDPOINT", "mirror of the Hugging Face hub"},
    {"MXNET_GLUON_REPO, ENCODING_REPO", "mirrors of GluonCV and of the ResNeSt repository"},
    {"https_proxy, http_proxy, no_proxy", "proxies"},
    {"SSL_CERT_FILE", "certificates to trust"},
};

inline std::vector<HelpRow> joined(std::initializer_list<std::span<const HelpRow>> tables) {
  std::vector<HelpRow> rows;
  for (const std::span<const HelpRow> table : tables) {
    rows.insert(rows.end(), table.begin(), table.end());
  }
  return rows;
}

}  // namespace nestor
