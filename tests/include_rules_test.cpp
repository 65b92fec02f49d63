// Who may include what (the house style's table), over the whole tree.

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>

namespace {

namespace fs = std::filesystem;

using Strings = std::vector<std::string>;

// Regular expressions on paths from the top of the tree. The first rule whose `files` match a file
// is its rule. An include with a slash or a dot in its name must match one of `allowed`; the
// standard library and the system are always allowed.
struct Rule {
  const char* files;
  Strings allowed;
};

// What an op is, and its problems as strings.
const char* const kOpContract = "engine/ops/([a-z_]+)/(\\1|problem)\\.h";
// Public headers that the engine implements: the vocabulary of all layers.
const char* const kVocabulary =
    "nestor/"
    "(decode|decode_memory|detection_limits|device|error|export|image|log|normalisation|precision|"
    "preprocess|"
    "session|task|"
    "tensor|version)"
    "\\.h";
// The engine without its backends and its ops' bindings, which have other names than their op.
const Strings kCore = {"engine/[a-z0-9_]+\\.h", "engine/(boxes|graph|plan|weights|image)/.*",
                       "engine/ops/registry\\.h", kOpContract, kVocabulary};

Strings operator+(Strings a, const Strings& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

const std::vector<Rule>& rules() {
  static const std::vector<Rule> list{
      {"kernels/device/simt\\.cuh", {"kernels/.*", "emulator/.*", "cuda_(bf16|fp16|runtime)\\.h"}},
      {"kernels/runtime/cuda_runtime\\.cu", {"kernels/.*", "cuda\\.h", "cuda_runtime\\.h"}},
      {"kernels/.*", {"kernels/.*"}},
      {"engine/backends/registry\\.cpp", kCore + Strings{"engine/backends/.*"}},
      {"engine/backends/cpu/.*", {"engine/.*", kVocabulary, "fmt/.*", "oneapi/dnnl/.*", "omp\\.h"}},
      {"engine/backends/cuda/.*",
       {"engine/.*", kVocabulary, "kernels/.*", "fmt/.*", "cuda.*", "cu[a-z]+.*\\.h"}},
      {"engine/ops/([a-z_]+)/(\\1|problem)\\.(h|cpp)", kCore + Strings{"fmt/.*"}},
      {"engine/ops/registry\\.(h|cpp)", kCore},
      {"engine/ops/([a-z_]+)/cuda(_[a-z_]+)?\\.(h|cpp)",
       // A binding may use several kernels. What kernels/ has in plain headers (.h) needs no CUDA.
       kCore + Strings{"fmt/.*", "kernels/([a-z_]+)/[a-z_]+\\.h", "engine/backends/cuda/.*",
                       "engine/ops/[a-z_]+/cuda_[a-z_]+\\.h"}},
      // All other files of an op bind it to the CPU.
      {"engine/ops/[a-z_]+/.*", {"engine/.*", kVocabulary, "fmt/.*", "oneapi/dnnl/.*", "omp\\.h"}},
      {"engine/image/.*", kCore + Strings{"fmt/.*", "jpeglib\\.h", "turbojpeg\\.h", "jerror\\.h",
                                          "png\\.h", "webp/(decode|demux)\\.h", "nlohmann/.*"}},
      {"engine/digest\\.cpp", kCore + Strings{"openssl/evp\\.h"}},
      {"engine/.*", kCore + Strings{"fmt/.*", "nlohmann/.*"}},
      {"graphs/.*", Strings{"graphs/.*", "engine/[a-z0-9_]+\\.h", "engine/graph/.*", kOpContract,
                            kVocabulary, "fmt/.*"}},
      // The only code that knows of a network.
      {"weights_convert/pretrained/.*",
       kCore + Strings{"weights_convert/.*", "graphs/.*", "fmt/.*", "curl/curl\\.h"}},
      {"weights_convert/.*",
       kCore + Strings{"weights_convert/.*", "graphs/.*", "zlib\\.h", "fmt/.*", "nlohmann/.*"}},
      // As they are installed: nothing but each other and the standard library.
      {"library/nestor/.*", {"nestor/[a-z_]+\\.h"}},
      {"library/.*", kCore + Strings{"nestor/.*", "library/.*", "graphs/.*", "fmt/.*"}},
      // As an embedder: the public face, whatever else lies in the tree.
      {"apps/python/.*", {"apps/python/.*", "nestor/.*", "nanobind/.*"}},
      {"(apps|bench)/.*",
       kCore + Strings{"apps/.*", "bench/.*", "library/.*", "weights_convert/.*", "graphs/.*",
                       "nestor/.*", "CLI/.*", "fmt/.*", "nlohmann/.*", "stb/.*", "png\\.h",
                       "oneapi/dnnl/.*", "benchmark/.*", "engine/ops/[a-z_]+/problem\\.h"}},
  };
  return list;
}

// The system's own headers have no folder or one of these.
bool is_system(const std::string& name) {
  static const std::set<std::string> plain = {"fcntl.h",  "unistd.h", "dlfcn.h",   "immintrin.h",
                                              "sched.h",  "signal.h", "glob.h",    "termios.h",
                                              "stddef.h", "stdint.h", "pthread.h", "link.h"};
  return name.find_first_of("/.") == std::string::npos || name.starts_with("sys/") ||
         plain.contains(name);
}

bool matches(const std::string& text, const std::string& pattern) {
  return std::regex_match(text, std::regex(pattern));
}

Strings includes_of(const fs::path& file) {
  static const std::regex line("\\s*#\\s*include\\s*[<\"]([^>\"]+)[>\"].*");
  std::ifstream in(file);
  Strings result;
  std::smatch match;
  for (std::string text; std::getline(in, text);) {
    if (std::regex_match(text, match, line)) result.push_back(match[1]);
  }
  return result;
}

// Path from the top -> what it includes.
const std::map<std::string, Strings>& tree() {
  static const std::map<std::string, Strings> files = [] {
    std::map<std::string, Strings> found;
    const fs::path top(NESTOR_SOURCE_DIR);
    for (const char* const folder :
         {"kernels", "engine", "graphs", "library", "weights_convert", "apps", "bench"}) {
      if (!fs::exists(top / folder)) continue;
      for (const auto& entry : fs::recursive_directory_iterator(top / folder)) {
        static const std::set<std::string> kinds = {".h", ".cpp", ".inl", ".cu", ".cuh"};
        if (!kinds.contains(entry.path().extension().string())) continue;
        found.emplace(fs::relative(entry.path(), top).generic_string(), includes_of(entry.path()));
      }
    }
    return found;
  }();
  return files;
}

Strings allowed_for(const std::string& file) {
  const auto rule =
      std::ranges::find_if(rules(), [&](const Rule& r) { return matches(file, r.files); });
  return rule == rules().end() ? Strings() : rule->allowed;
}

std::string violations(const std::string& file, const Strings& includes) {
  const Strings allowed = allowed_for(file);
  std::string result;
  for (const std::string& name : includes) {
    const bool fine = is_system(name) || std::ranges::any_of(allowed, [&](const std::string& p) {
                        return matches(name, p);
                      });
    if (!fine) result += file + " includes " + name + "\n";
  }
  return result;
}

}  // namespace

TEST_CASE("includes: every file keeps to the rules of its folder", "[style][cpu]") {
  REQUIRE(tree().size() > 50);
  std::string all;
  for (const auto& [file, includes] : tree()) all += violations(file, includes);
  CHECK(all == "");
}

TEST_CASE("includes: the rules find what they forbid", "[style][cpu]") {
  CHECK(violations("graphs/new.cpp", {"engine/backends/cpu/onednn.h"}) != "");
  CHECK(violations("graphs/new.cpp", {"engine/ops/convolution/onednn_convolution.h"}) != "");
  CHECK(violations("graphs/new.cpp", {"kernels/convolution/convolution.h"}) != "");
  CHECK(violations("engine/session.cpp", {"oneapi/dnnl/dnnl.hpp"}) != "");
  CHECK(violations("engine/session.cpp", {"graphs/zoo.h"}) != "");
  CHECK(violations("engine/ops/add/add.cpp", {"engine/backends/cpu/cpu_backend.h"}) != "");
  CHECK(violations("engine/ops/add/cuda.cpp", {"cuda_runtime.h"}) != "");
  CHECK(violations("kernels/add/add.cu", {"nestor/tensor.h"}) != "");
  CHECK(violations("weights_convert/readers/npy.cpp", {"apps/common/command.h"}) != "");
  CHECK(violations("apps/classify.cpp", {"engine/backends/cpu/context.h"}) != "");
  CHECK(violations("apps/classify.cpp", {"tests/support/model.h"}) != "");
  CHECK(violations("apps/classify.cpp", {"curl/curl.h"}) != "");
  CHECK(violations("weights_convert/convert.cpp", {"nestor/nestor.h"}) != "");
  CHECK(violations("library/model.cpp", {"weights_convert/convert.h"}) != "");
  CHECK(violations("engine/session.cpp", {"nestor/classifier.h"}) != "");
  CHECK(violations("library/nestor/session.h", {"engine/model.h"}) != "");
  CHECK(violations("library/nestor/session.h", {"fmt/format.h"}) != "");
  CHECK(violations("engine/ops/add/add.cpp", {"engine/ops/add/add.h", "vector"}) == "");
}
