#include "nestor/decode_memory.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <thread>

#include "engine/image/picture_file.h"
#include "nestor/decode.h"
#include "nestor/error.h"
#include "tests/support/encode_image.h"
#include "tests/support/weight_files.h"

namespace nestor {

namespace {

using testing::Bytes;

DecodedImage decode(const Bytes& file, const DecodeOptions& options) {
  return decode_image(std::as_bytes(std::span(file)), "picture", options);
}

// The message with which the file is refused; empty if it is not.
std::string refusal(const Bytes& file, std::uint64_t memory_bytes) {
  try {
    decode(file, {.memory = std::make_shared<DecodeMemory>(memory_bytes)});
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::kBadInput);
    return error.what();
  }
  return {};
}

}  // namespace

TEST_CASE("who needs more of the decoders' memory than is left waits for the others",
          "[image][cpu][tsan]") {
  DecodeMemory memory(200);
  DecodeMemory::Lease first = memory.for_picture(60, "first");
  DecodeMemory::Lease small = memory.for_picture(40, "small");
  small.reset();
  std::atomic<bool> first_is_held = true, waited = false;
  std::thread second([&] {
    const DecodeMemory::Lease lease = memory.for_picture(50, "second");
    waited = !first_is_held;
  });
  const DecodeMemory::Lease file = memory.for_file(100, "file");  // the other half
  first_is_held = false;
  first.reset();
  second.join();
  CHECK(waited);
}

TEST_CASE("what can never fit in the decoders' memory is refused at once", "[image][cpu]") {
  DecodeMemory memory(200);
  CHECK_NOTHROW(memory.for_picture(100, "x"));
  CHECK_THROWS_WITH(memory.for_picture(101, "x"),
                    Catch::Contains("x: ") && Catch::Contains("--decode-memory"));
  CHECK_THROWS_WITH(memory.for_file(101, "x"), Catch::Contains("x: "));
}

// 64 x 64 pixels take 12,288 bytes, the coefficients of three components twice that.
TEST_CASE("all that decoding takes is counted before it is decoded", "[image][cpu]") {
  const Image image = testing::test_picture(64, 64);
  constexpr std::uint64_t kPixels = 64 * 64;
  CHECK(refusal(testing::encode_png(image), 2 * 3 * kPixels).empty());
  CHECK_FALSE(refusal(testing::encode_png(image), 2 * 3 * kPixels - 2).empty());
  const std::uint64_t rows = 64 * 256;
  CHECK(refusal(testing::encode_jpeg(image), 2 * (3 * kPixels + rows)).empty());
  const Bytes progressive = testing::encode_jpeg(image, {.progressive = true});
  CHECK_FALSE(refusal(progressive, 2 * (9 * kPixels + rows) - 2).empty());
  CHECK(refusal(progressive, 2 * (9 * kPixels + rows)).empty());
}

TEST_CASE("a picture's memory is counted as long as the picture is kept", "[image][cpu]") {
  const Bytes file = testing::encode_png(testing::test_picture(64, 64));
  const auto memory = std::make_shared<DecodeMemory>(2 * 64 * 64 * 3);
  for (int i = 0; i < 3; ++i) CHECK(decode(file, {.memory = memory}).memory != nullptr);
  CHECK(decode(file, {}).memory == nullptr);
}

TEST_CASE("picture files are read whole or refused", "[image][cpu]") {
  const test::TemporaryFolder folder;
  DecodeMemory memory(2000);
  folder.write("a", std::string(1000, 'x'));
  CHECK(PictureFile::read(folder.path() / "a", memory).bytes().size() == 1000);
  folder.write("b", std::string(1001, 'x'));
  CHECK_THROWS_WITH(PictureFile::read(folder.path() / "b", memory),
                    Catch::Contains("b: a file of"));
  CHECK_THROWS_WITH(PictureFile::read(folder.path() / "none", memory), Catch::Contains("none"));
  CHECK_THROWS_WITH(PictureFile::read(folder.path(), memory),
                    Catch::Contains("not a regular file"));
  // A file of sysfs says that it has a page of bytes, and has fewer: as one that shrinks.
  const char* const kShort = "/sys/kernel/mm/transparent_hugepage/enabled";
  if (std::filesystem::exists(kShort)) {
    DecodeMemory enough(1 << 20);
    CHECK_THROWS_WITH(PictureFile::read(kShort, enough), Catch::Contains("when it was read"));
  }
}

}  // namespace nestor
