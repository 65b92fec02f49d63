#pragma once
// Tuning files: what was fastest on a GPU, per problem, so that plans need not go by the model.
//
//   {"format": "nestor-tuning", "version": 1, "sections": [
//     {"gpu": "Tesla V100-SXM2-16GB", "architecture": "sm_70", "toolkit": "12.4",
//      "kernels": "0.1.0 api 4 tiles 93c467e37db0c7a4", "precision": "fp16",
//      "choices": {"n16_c64_h56_w56_k256_r1_s1_bias_relu_fp16":
//        {"variant": "convolution_sm70", "tile": "convolution_sm70_128x128", "splits": 1,
//         "us": 31.5}}}]}
//
// A section serves exactly the GPU, toolkit, kernels and precision that it names. Files are not
// trusted: sizes are bounded, and what a file asks for is checked when a plan wants it.

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "engine/plan/plan.h"
#include "nestor/error.h"

namespace nestor {

// What a choice depends on besides its problem.
struct TuningKey {
  std::string gpu;           // as the driver names it; empty: any, of devices that are not there
  std::string architecture;  // "sm_70"
  std::string toolkit;       // that compiled the kernels: "12.4"; empty: any, likewise
  std::string kernels;       // versions of the library and a digest of its tiles
  Precision precision = Precision::kFp16;

  bool operator==(const TuningKey&) const = default;
};

std::string to_string(const TuningKey& key);

// How to run one problem.
struct TunedChoice {
  std::string variant;
  std::string tile;  // empty: the variant has none
  int splits = 1;
  double us = 0;  // as it was measured

  bool operator==(const TunedChoice&) const = default;
};

using TunedChoices = std::map<std::string, TunedChoice, std::less<>>;  // by problem

struct TuningSection {
  TuningKey key;
  TunedChoices choices;
};

struct TuningFile {
  std::vector<TuningSection> sections;

  // Puts the choices into the section of that key, in place of those of the same problems.
  void merge(const TuningKey& key, const TunedChoices& choices);

  // The choices of the section that serves `key`. Throws TuningError, saying what there is instead,
  // if none does.
  const TunedChoices& find(const TuningKey& key) const;
};

// A tuning file that cannot be used: broken, of another GPU, or asking for the impossible. Sessions
// turn it into a warning and plan without the file.
class TuningError : public Error {
 public:
  explicit TuningError(const std::string& message) : Error(ErrorCode::kBadInput, message) {}
};

// How to measure. Of each problem, the candidates that the model likes best run in turns.
struct TuneOptions {
  int candidates = 8;
  int runs = 15;  // of each, besides the first; the median counts
};

// What was measured of one problem.
struct TunedProblem {
  std::string problem;
  std::string step;      // the first that has it
  TunedChoice modelled;  // what plans without tuning choose
  TunedChoice best;
  int candidates = 0;
};

struct TuningReport {
  TuningKey key;
  std::vector<TunedProblem> problems;

  TunedChoices choices() const;
};

inline constexpr std::size_t kMaxTuningBytes = std::size_t{4} << 20;
inline constexpr std::size_t kMaxTuningSections = 64;
inline constexpr std::size_t kMaxTunedProblems = 8192;  // of a section
inline constexpr std::size_t kMaxTuningText = 256;      // characters of a name or problem
inline constexpr int kMaxSplits = 64;

// `name`: of the file, for messages. Throws TuningError.
TuningFile parse_tuning(std::string_view text, const std::string& name);
TuningFile read_tuning(const std::filesystem::path& path);

// Throws kUsage if the file would be larger than one that can be read.
std::string to_json(const TuningFile& file);

// Writes the choices into the file, whole or not at all, keeping what else it holds. Throws
// TuningError, and leaves the file as it is, if that is no tuning file.
void update_tuning(const std::filesystem::path& path, const TuningKey& key,
                   const TunedChoices& choices);

// Where the commands look for tuning: $NESTOR_TUNING, else tuning.json in $NESTOR_HOME, else in
// $XDG_CACHE_HOME/nestor, else in ~/.cache/nestor. Empty if none of these is set.
std::filesystem::path default_tuning_file();

}  // namespace nestor
