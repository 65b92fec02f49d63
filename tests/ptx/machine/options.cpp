#include "tests/ptx/machine/options.h"

#include <algorithm>
#include <cstdlib>
#include <string>

namespace nestor::ptx {

namespace {

Options read_options() {
  Options o;
  const auto text = [](const char* name) { return std::getenv(name); };
  if (const char* sm = text("PTX_SM")) o.sm = std::atoi(sm);
  if (const char* seed = text("PTX_SEED")) o.seed = std::strtoull(seed, nullptr, 0);
  if (const char* threads = text("PTX_THREADS")) o.threads = std::max(1, std::atoi(threads));
  if (const char* async = text("PTX_ASYNC")) {
    o.async = std::string(async) == "early" ? 0 : std::string(async) == "late" ? 1 : 2;
  }
  if (const char* mma_mode = text("PTX_MMA")) o.chop = std::string(mma_mode) == "chop";
  if (const char* races = text("PTX_RACE")) o.races = std::atoi(races) != 0;
  if (const char* races = text("PTX_GLOBAL_RACE")) o.global_races = std::atoi(races) != 0;
  if (o.global_races) o.threads = 1;
  if (const char* approx = text("PTX_APPROX")) o.worst_approx = std::string(approx) == "worst";
  o.verbose = text("PTX_VERBOSE") != nullptr;
  return o;
}

Options& current() {
  static Options chosen = read_options();
  return chosen;
}

}  // namespace

const Options& options() { return current(); }

void set_options(const Options& changed) { current() = changed; }

}  // namespace nestor::ptx
