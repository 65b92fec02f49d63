// Runs a fuzz target on all files below folders and then on random mutants of them, of which the
// seed decides; writes the input of a failure to a file.
//
//   NAME_fuzz RUNS SEED FAILURE FOLDER...
//
// Not libFuzzer: it is linked with copies of libstdc++'s templates that are not compiled with
// MemorySanitizer and would take the place of ours. What it found with another sanitizer are good
// files to start from.

#include <sanitizer/msan_interface.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "tests/fuzz/msan/files_below.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::size_t kMostBytes = 1 << 16;

Bytes input;               // of the run that goes on
const char* failure = "";  // where it is written if it is the last

void write_failure() {
  if (std::FILE* const file = std::fopen(failure, "wb")) {
    std::fwrite(input.data(), 1, input.size(), file);
    std::fclose(file);
    std::fprintf(stderr, "the input is in %s\n", failure);
  }
}

class Mutator {
 public:
  Mutator(const std::vector<Bytes>& files, std::uint64_t seed) : files_(files), random_(seed) {}

  Bytes next() {
    Bytes bytes = any_file();
    for (std::size_t steps = 1 + below(4); steps > 0; --steps) mutate(bytes);
    if (bytes.size() > kMostBytes) bytes.resize(kMostBytes);
    return bytes;
  }

 private:
  std::size_t below(std::size_t limit) { return limit == 0 ? 0 : random_() % limit; }
  const Bytes& any_file() { return files_[below(files_.size())]; }

  void mutate(Bytes& bytes) {
    const std::size_t at = below(bytes.size());
    switch (below(bytes.empty() ? 1 : 6)) {
      case 0: insert_from_another(bytes, at); break;
      case 1: bytes[at] ^= static_cast<std::uint8_t>(1 << below(8)); break;
      case 2: bytes[at] = static_cast<std::uint8_t>(random_()); break;
      case 3: write_limit(bytes, at); break;
      case 4: erase(bytes, at); break;
      default: bytes.resize(at);
    }
  }

  void insert_from_another(Bytes& bytes, std::size_t at) {
    const Bytes& other = any_file();
    const std::size_t from = below(other.size()), count = below(other.size() - from);
    const auto begin = other.begin() + static_cast<std::ptrdiff_t>(from);
    bytes.insert(bytes.begin() + static_cast<std::ptrdiff_t>(at), begin,
                 begin + static_cast<std::ptrdiff_t>(count));
  }

  // A number of 1, 2, 4 or 8 bytes, of either byte order, next to where it ends or turns negative.
  void write_limit(Bytes& bytes, std::size_t at) {
    const std::size_t size = std::size_t{1} << below(4);
    const std::uint8_t inside = below(2) != 0 ? 0xFF : 0x00;
    const std::uint8_t edges[] = {0x00, 0x01, 0x7F, 0x80, 0xFE, 0xFF};
    for (std::size_t i = 0; i < size && at + i < bytes.size(); ++i) bytes[at + i] = inside;
    const std::size_t edge = below(2) != 0 ? at : at + size - 1;
    if (edge < bytes.size()) bytes[edge] = edges[below(std::size(edges))];
  }

  void erase(Bytes& bytes, std::size_t at) {
    const auto begin = bytes.begin() + static_cast<std::ptrdiff_t>(at);
    bytes.erase(begin, begin + static_cast<std::ptrdiff_t>(below(bytes.size() - at)));
  }

  const std::vector<Bytes>& files_;
  std::mt19937_64 random_;
};

void run(const Bytes& bytes) {
  input = bytes;
  LLVMFuzzerTestOneInput(input.data(), input.size());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) return 2;
  failure = argv[3];
  __msan_set_death_callback(&write_failure);
  std::vector<Bytes> files;
  for (int i = 4; i < argc; ++i) nestor::fuzz::append_files_below(argv[i], files);
  if (files.empty()) return 2;
  for (const Bytes& file : files) run(file);
  Mutator mutator(files, std::strtoull(argv[2], nullptr, 10));
  const unsigned long long runs = std::strtoull(argv[1], nullptr, 10);
  for (unsigned long long i = 0; i < runs; ++i) run(mutator.next());
  std::printf("%zu files and %llu mutants run\n", files.size(), runs);
  return 0;
}
