// Small PTX modules for the tests of the machine.
#pragma once

#include <initializer_list>
#include <string>
#include <vector>

#include "tests/ptx/machine/options.h"
#include "tests/ptx/machine/types.h"

namespace nestor::ptx::test {

struct Shape {
  u32 threads = 32, blocks = 1;
};

// Runs a kernel around `body` and returns what each thread left in %r2.
//
//   %r0  the thread in its block      %d0  its word of the input, in global memory
//   %r1  its word of the input        %d1  its word of the output
//   %r3  its block                    %r4  where shared memory (2048 bytes, `smem`) begins
//   %d2, %d3  the whole input and output
//
// Free are the other %r, %d, %f, %h and %p below 40. Inputs beyond `in` are zero.
std::vector<u32> run(const std::string& body, const std::vector<u32>& in = {}, Shape shape = {});

// The fault that ends the kernel, or "" if it ends without one.
std::string fault(const std::string& body, const std::vector<u32>& in = {}, Shape shape = {});

// Whether the kernel faults under any of some seeds.
bool faults(const std::string& body, const std::string& text, Shape shape = {});
// ... or under none.
bool runs(const std::string& body, Shape shape = {});

// Other options until its end.
class With {
 public:
  explicit With(const Options& changed);
  ~With();
  With(const With&) = delete;
  With& operator=(const With&) = delete;

 private:
  Options before_;
};

u32 bits(float value);
float number(u32 bits);

}  // namespace nestor::ptx::test
