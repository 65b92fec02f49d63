#include "weights_convert/readers/archive.h"

#include <catch2/catch.hpp>

#include "tests/support/weight_files.h"
#include "weights_convert/readers/registry.h"

namespace nestor::test {

namespace {

const std::string kParams = params_file(std::vector<NamedFloats>{{"w", {3}, {1, 2, 3}}});

ErrorCode code_of(const std::string& file) {
  const auto [code, message] = error_of([&] { read_source(as_bytes(file), "a.zip"); });
  CHECK(message.find("a.zip: ") == 0);
  return code;
}

// The archive with count bytes at offset replaced.
std::string patched(std::string file, std::size_t offset, const std::string& bytes) {
  return file.replace(offset, bytes.size(), bytes);
}

}  // namespace

TEST_CASE("archives list their entries with contents", "[archive][convert][cpu]") {
  const std::string file =
      zip_file(std::vector<ZipEntry>{{"a/b", "hello"}, {"a/c", "world", true}});
  const auto entries = read_archive(as_bytes(file), "a.zip");
  REQUIRE(entries.size() == 2);
  CHECK(entries[0].name == "a/b");
  CHECK(std::ranges::equal(entries[0].data, as_bytes("hello")));
  CHECK(entries[1].deflated);
  CHECK(std::ranges::equal(inflate(entries[1], "a.zip"), as_bytes("world")));
}

TEST_CASE("GluonCV archives are read as the .params file in them", "[archive][convert][cpu]") {
  const bool deflate = GENERATE(false, true);
  const std::string file =
      zip_file(std::vector<ZipEntry>{{"net-12345678.params", kParams, deflate}});
  const SourceFile source = read_source(as_bytes(file), "a.zip");
  CHECK(source.format == "mxnet");
  REQUIRE(source.tensors.size() == 1);
  CHECK(source.tensors[0].name == "w");
  CHECK(source.payload_name == "a.zip/net-12345678.params");
  CHECK(std::ranges::equal(source.payload, as_bytes(kParams)));
}

TEST_CASE("archives cut short at any byte are refused", "[archive][convert][cpu]") {
  const std::string whole = zip_file(std::vector<ZipEntry>{{"w.params", kParams, true}});
  for (std::size_t length = 4; length < whole.size(); ++length) {
    INFO("cut after " << length << " bytes");
    CHECK(code_of(whole.substr(0, length)) == ErrorCode::kBadModel);
  }
}

TEST_CASE("archives with any byte changed are read as before or refused",
          "[archive][convert][cpu]") {
  const std::string whole = zip_file(std::vector<ZipEntry>{{"w.params", kParams, true}});
  for (std::size_t offset = 4; offset < whole.size(); ++offset) {
    for (const int bit : {0, 3, 7}) {
      const std::string file =
          patched(whole, offset, std::string(1, static_cast<char>(whole[offset] ^ (1 << bit))));
      try {
        const SourceFile source = read_source(as_bytes(file), "a.zip");
        // A checksum of 0 is "none", and times and versions mean nothing.
        CHECK(source.tensors.size() == 1);
      } catch (const Error& error) {
        CHECK(error.code() == ErrorCode::kBadModel);
      }
    }
  }
}

TEST_CASE("archive entries that grow beyond what weights do are refused before allocating",
          "[archive][convert][cpu]") {
  const std::string zeros(4 << 20, '\0');
  const std::string file = zip_file(std::vector<ZipEntry>{{"w.params", zeros, true}});
  const auto [code, message] = error_of([&] { read_source(as_bytes(file), "a.zip"); });
  CHECK(code == ErrorCode::kBadModel);
  CHECK(message.find("would grow") != std::string::npos);
}

TEST_CASE("archive entries must have plain, different names", "[archive][convert][cpu]") {
  for (const char* name : {"../w.params", "/w.params", "a/../../w.params", "a//w.params",
                           "a\\w.params", "C:/w.params"}) {
    CHECK(code_of(zip_file(std::vector<ZipEntry>{{name, kParams}})) == ErrorCode::kBadModel);
  }
  CHECK(code_of(zip_file(std::vector<ZipEntry>{{"w.params", kParams}, {"w.params", kParams}})) ==
        ErrorCode::kBadModel);
}

TEST_CASE("archives of other things are refused", "[archive][convert][cpu]") {
  CHECK(code_of(zip_file({})) == ErrorCode::kBadModel);
  CHECK(code_of(zip_file(std::vector<ZipEntry>{{"readme.txt", "hello"}})) == ErrorCode::kBadModel);
  CHECK(code_of(zip_file(std::vector<ZipEntry>{{"a.params", kParams}, {"b.params", kParams}})) ==
        ErrorCode::kBadModel);
}

}  // namespace nestor::test
