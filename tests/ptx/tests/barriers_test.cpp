// bar.sync and bar.arrive: who waits for whom, and barriers that are wrong.
#include <catch2/catch.hpp>

#include "tests/ptx/tests/program.h"

namespace nestor::ptx::test {
namespace {

// Each thread reads what a thread of another warp wrote.
const std::string kExchange =
    "shl.b32 %r5, %r0, 2; add.u32 %r5, %r5, %r4; st.shared.u32 [%r5], %r0; BARRIER"
    " xor.b32 %r6, %r0, 32; shl.b32 %r6, %r6, 2; add.u32 %r6, %r6, %r4; ld.shared.u32 %r2, [%r6];";

std::string exchange(const std::string& barrier) {
  std::string body = kExchange;
  return body.replace(body.find("BARRIER"), 7, barrier);
}

bool names(const std::string& text, const std::string& part) {
  CAPTURE(text);
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("ptx: barriers order warps", "[ptx]") {
  for (const char* barrier : {"bar.sync 0;", "bar.sync 3, 64;", "barrier.sync.aligned 1, 64;"}) {
    CAPTURE(barrier);
    CHECK(runs(exchange(barrier), {64, 2}));
    const auto out = run(exchange(barrier), {}, {64, 1});
    for (u32 thread = 0; thread < 64; ++thread) CHECK(out[thread] == (thread ^ 32));
  }
}

TEST_CASE("ptx: bar.arrive tells, bar.sync waits", "[ptx]") {
  // Warp 0 writes and arrives; warp 1 waits and reads.
  const std::string handed = R"(
    setp.ge.u32 %p1, %r0, 32;
    @%p1 bra READER;
    st.shared.u32 [smem], 5;
    WRITER
    bra OUT;
  READER:
    bar.sync 1, 64;
    ld.shared.u32 %r2, [smem];
  OUT:
  )";
  const auto with = [&](const std::string& arrive) {
    std::string body = handed;
    // One lane writes: 32 lanes that write the same word would be a race.
    body.replace(body.find("st.shared"), 0, "setp.eq.u32 %p2, %r0, 0; @%p2 ");
    return body.replace(body.find("WRITER"), 6, arrive);
  };
  CHECK(runs(with("bar.arrive 1, 64;"), {64, 1}));
  CHECK(run(with("bar.arrive 1, 64;"), {}, {64, 1})[40] == 5);
  CHECK(faults(with(""), "all warps wait at barriers that nobody else will reach", {64, 1}));
  CHECK(faults(with("bar.arrive 2, 64;"), "warp 1 at barrier 1", {64, 1}));
}

TEST_CASE("ptx: a barrier of the block does not wait for threads that have ended", "[ptx]") {
  CHECK(runs("setp.lt.u32 %p1, %r0, 32; @%p1 ret; bar.sync 0;", {64, 1}));
}

TEST_CASE("ptx: barriers that are wrong", "[ptx]") {
  CHECK(names(fault("bar.sync 16;"), "no barrier 16"));
  CHECK(names(fault("bar.sync 1, 48;", {}, {64, 1}), "a barrier for 48 threads"));
  CHECK(names(fault("bar.sync 1, 96;", {}, {64, 1}), "a barrier for 96 threads"));
  CHECK(names(fault("bar.arrive 1;"), "does not know"));  // needs a number of threads
  CHECK(names(fault("bar.sync %r0, 32;"), "lanes disagree about"));
  CHECK(names(fault("setp.lt.u32 %p1, %r0, 4; @%p1 bra OUT; bar.sync 0; OUT:"),
              "a barrier that not all lanes reach together"));
  CHECK(names(fault("setp.lt.u32 %p1, %r0, 4; @%p1 bar.sync 0;"), "under a guard"));
  // The warps disagree about the number of threads.
  CHECK(
      faults("setp.lt.u32 %p1, %r0, 32; @%p1 bra A; bar.sync 1, 96; bra OUT;"
             "A: bar.sync 1, 64; OUT:",
             "whose threads disagree about their number", {96, 1}));
}

}  // namespace nestor::ptx::test
