#include "tests/ptx/tests/program.h"

#include <bit>
#include <cstring>

#include "tests/ptx/machine/machine.h"
#include "tests/ptx/machine/memory.h"

namespace nestor::ptx::test {

namespace {

const char* const kHead = R"(
.version 8.4
.target sm_80
.address_size 64
.visible .entry test(.param .u64 in, .param .u64 out)
{
  .reg .pred %p<40>;
  .reg .b16 %h<40>;
  .reg .b32 %r<40>;
  .reg .f32 %f<40>;
  .reg .b64 %d<40>;
  .shared .align 16 .b8 smem[2048];
  ld.param.u64 %d2, [in];
  ld.param.u64 %d3, [out];
  mov.u32 %r0, %tid.x;
  mov.u32 %r3, %ctaid.x;
  mov.u32 %r4, %ntid.x;
  mad.lo.u32 %r4, %r3, %r4, %r0;
  mul.wide.u32 %d4, %r4, 4;
  add.u64 %d0, %d2, %d4;
  add.u64 %d1, %d3, %d4;
  ld.global.u32 %r1, [%d0];
  mov.u32 %r2, 0;
  mov.u32 %r4, smem;
)";

const char* const kTail = R"(
  st.global.u32 [%d1], %r2;
  ret;
}
)";

// Device memory for the time of a test.
class Words {
 public:
  explicit Words(std::size_t count) : bytes_(4 * count) {
    address_ = DeviceMemory::get().allocate(bytes_);
  }
  ~Words() { DeviceMemory::get().release(address_); }
  Words(const Words&) = delete;
  Words& operator=(const Words&) = delete;
  u64 address() const { return address_; }
  u8* host() const { return DeviceMemory::get().host(address_); }

 private:
  std::size_t bytes_;
  u64 address_;
};

}  // namespace

std::vector<u32> run(const std::string& body, const std::vector<u32>& in, Shape shape) {
  Module module(kHead + body + kTail);
  std::vector<u32> input(std::size_t{shape.threads} * shape.blocks, 0);
  if (in.size() > input.size()) input.resize(in.size());
  std::copy(in.begin(), in.end(), input.begin());
  std::vector<u32> output(std::size_t{shape.threads} * shape.blocks);
  const Words from(input.size()), to(output.size());
  std::memcpy(from.host(), input.data(), 4 * input.size());
  Launch launch;
  launch.module = &module;
  launch.kernel = module.find("test");
  launch.grid[0] = shape.blocks;
  launch.block[0] = shape.threads;
  launch.params.resize(16);
  const u64 addresses[] = {from.address(), to.address()};
  std::memcpy(launch.params.data(), addresses, sizeof addresses);
  execute(launch);
  std::memcpy(output.data(), to.host(), 4 * output.size());
  return output;
}

std::string fault(const std::string& body, const std::vector<u32>& in, Shape shape) {
  try {
    run(body, in, shape);
    return "";
  } catch (const Fault& found) {
    return found.what();
  }
}

bool faults(const std::string& body, const std::string& text, Shape shape) {
  for (u64 seed = 1; seed <= 8; ++seed) {
    Options changed = options();
    changed.seed = seed;
    const With with(changed);
    const std::string found = fault(body, {}, shape);
    if (found.find(text) == std::string::npos) return false;
  }
  return true;
}

bool runs(const std::string& body, Shape shape) {
  for (u64 seed = 1; seed <= 8; ++seed) {
    Options changed = options();
    changed.seed = seed;
    const With with(changed);
    if (!fault(body, {}, shape).empty()) return false;
  }
  return true;
}

With::With(const Options& changed) : before_(options()) { set_options(changed); }
With::~With() { set_options(before_); }

u32 bits(float value) { return std::bit_cast<u32>(value); }
float number(u32 bits) { return std::bit_cast<float>(bits); }

}  // namespace nestor::ptx::test
