// The active mutant, from the environment (see mutants.h).
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <set>

#include "kernels/device/mutants.h"

namespace nestor::mutants {

unsigned first = 0, span = 0;

namespace {

int active_alternative = 0;
bool records = false;
bool reached[1 << 16];

void write_coverage() {
  std::FILE* file = std::fopen(std::getenv("NESTOR_MUTANT_COVERAGE"), "w");
  if (file == nullptr) std::abort();
  for (unsigned place = 0; place < sizeof reached; ++place) {
    if (reached[place]) std::fprintf(file, "%u\n", place);
  }
  std::fclose(file);
}

[[maybe_unused]] const bool read_environment = [] {
  if (const char* mutant = std::getenv("NESTOR_MUTANT")) {
    if (std::sscanf(mutant, "%u:%d", &first, &active_alternative) != 2) std::abort();
    span = 1;
  } else if (std::getenv("NESTOR_MUTANT_COVERAGE") != nullptr) {
    span = sizeof reached;
    records = true;
    std::atexit(write_coverage);
  }
  return true;
}();

}  // namespace

__attribute__((no_sanitize("thread"))) int selected(unsigned place) {
  if (!records) return active_alternative;
  reached[place] = true;
  return 0;
}

void no_such_mutant(unsigned place, int alternative) {
  std::fprintf(stderr, "no such mutant: %u:%d\n", place, alternative);
  _exit(kNoSuchMutant);
}

}  // namespace nestor::mutants
