#include "engine/digest.h"

#include <catch2/catch.hpp>
#include <string_view>

namespace nestor {

TEST_CASE("digests are those of the published examples", "[digest][cpu]") {
  const std::string_view text = "abc";
  const auto bytes = std::as_bytes(std::span(text));
  CHECK(sha1_hex(bytes) == "a9993e364706816aba3e25717850c26c9cd0d89d");
  CHECK(sha256_hex(bytes) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(sha256_hex({}) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

}  // namespace nestor
