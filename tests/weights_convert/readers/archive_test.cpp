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

TEST_CASE("archives that two readers could read as two files are refused",
          "[archive][convert][cpu]") {
  const std::string one = zip_file(std::vector<ZipEntry>{{"w.params", kParams}});
  const std::string other_params = params_file(std::vector<NamedFloats>{{"w", {1}, {9}}});
  const std::string two = zip_file(std::vector<ZipEntry>{{"w.params", other_params}});
  const auto commented = [](std::string file, const std::string& comment) {
    const auto size = static_cast<std::uint16_t>(comment.size());
    return patched(std::move(file), file.size() - 2, Bytes().u16(size).str()) + comment;
  };
  const auto message = [](const std::string& file) {
    return error_of([&] { read_source(as_bytes(file), "a.zip"); }).second;
  };
  CHECK(message(commented(one, "made by hand")) == "");
  CHECK_THAT(message(commented(one, two)), Catch::Contains("end record"));
  CHECK_THAT(message(commented(one, two + "x")), Catch::Contains("end record in its comment"));
  CHECK_THAT(message(commented(one, one.substr(one.size() - 22))), Catch::Contains("end record"));
  // One behind the other, and a directory that does not stand before its end record.
  CHECK_THAT(message(two + one), Catch::Contains("a.zip: "));
  const std::size_t end = one.size() - 22;
  CHECK_THAT(message(one.substr(0, end) + "gap" + one.substr(end)),
             Catch::Contains("expected to end where"));
  // An entry that the directory does not list, before the one that it lists.
  const std::size_t entries = two.find("PK\x01\x02");
  std::string hidden = two.substr(0, entries) + one;
  const std::size_t directory = hidden.find("PK\x01\x02");
  const auto shift = [&](std::size_t position) {
    const auto old =
        static_cast<std::uint32_t>(static_cast<unsigned char>(hidden[position]) |
                                   static_cast<unsigned char>(hidden[position + 1]) << 8);
    hidden =
        patched(hidden, position, Bytes().u32(old + static_cast<std::uint32_t>(entries)).str());
  };
  shift(directory + 42);
  shift(hidden.size() - 22 + 16);
  CHECK_THAT(message(hidden), Catch::Contains("that the directory does not list"));
}

TEST_CASE("archive headers that contradict the directory are refused", "[archive][convert][cpu]") {
  const std::string file = zip_file(std::vector<ZipEntry>{{"w.params", kParams}});
  for (const std::size_t offset : {8, 14, 18, 22}) {  // method, checksum, sizes
    const std::string bad = patched(file, offset, std::string(1, '\x08'));
    CHECK_THAT(error_of([&] { read_source(as_bytes(bad), "a.zip"); }).second,
               Catch::Contains("than by the directory"));
    if (offset == 8) continue;
    const std::string later = patched(file, offset, std::string(4, '\0'));
    CHECK(read_source(as_bytes(later), "a.zip").tensors.size() == 1);
  }
}

TEST_CASE("what systems add to archives is left out", "[archive][convert][cpu]") {
  const std::string mac(200, '\0');
  const std::string file = zip_file(std::vector<ZipEntry>{{"net.params", kParams},
                                                          {"__MACOSX/._net.params", mac},
                                                          {"._other.params", mac},
                                                          {".DS_Store", mac}});
  CHECK(read_source(as_bytes(file), "a.zip").tensors.at(0).name == "w");
  const std::string torch = zip_file(std::vector<ZipEntry>{
      {"net/", ""}, {"net/data.pkl", "\x80\x02}."}, {"__MACOSX/net/._data.pkl", mac}});
  CHECK(read_source(as_bytes(torch), "a.zip").tensors.empty());
  CHECK(code_of(zip_file(std::vector<ZipEntry>{{"__MACOSX/._net.params", mac}})) ==
        ErrorCode::kBadModel);
}

}  // namespace nestor::test
