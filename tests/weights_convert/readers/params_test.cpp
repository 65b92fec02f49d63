#include "weights_convert/readers/params.h"

#include <catch2/catch.hpp>

#include "tests/support/weight_files.h"

namespace nestor::test {

namespace {

const std::vector<NamedFloats> kTensors = {{"conv1.weight", {2, 3}, {1, 2, 3, 4, 5, 6}},
                                           {"bn1.gamma", {2}, {7, 8}}};

SourceFile read(const std::string& file) { return read_params(as_bytes(file), "a.params"); }

ErrorCode code_of(const std::string& file) {
  const auto [code, message] = error_of([&] { read(file); });
  CHECK(message.find("a.params: ") == 0);
  return code;
}

// A list of one array whose record is given, with the name "w".
std::string list_of(const std::string& record) {
  return Bytes().u64(0x112).u64(0).u64(1).text(record).u64(1).u64(1).text("w").str();
}

// Extents, device, element type 0 (float32) and two floats.
std::string tail(std::uint64_t first, std::uint64_t second) {
  return Bytes().u64(first).u64(second).u32(1).u32(0).u32(0).u32(1).u32(2).str();
}

}  // namespace

TEST_CASE(".params lists give names, shapes and bytes in the order of the file",
          "[params][convert][cpu]") {
  const std::string bytes = params_file(kTensors);
  const SourceFile file = read(bytes);
  REQUIRE(file.tensors.size() == 2);
  CHECK(file.format == "mxnet");
  CHECK(file.tensors[0].name == "conv1.weight");
  CHECK(file.tensors[0].shape == Shape{2, 3});
  CHECK(file.tensors[1].name == "bn1.gamma");
  std::vector<std::byte> scratch;
  const auto data = contiguous(file.tensors[1], scratch);
  CHECK(std::ranges::equal(data, as_bytes(floats(kTensors[1].values))));
}

TEST_CASE(".params records of all versions are read", "[params][convert][cpu]") {
  const std::string v0 = Bytes().u32(2).u32(1).u32(2).str() + tail(0, 0).substr(16);
  const std::string v1 = Bytes().u32(0xF993FAC8).u32(2).str() + tail(1, 2);
  const std::string v2 = Bytes().u32(0xF993FAC9).u32(0).u32(2).str() + tail(1, 2);
  const std::string v3 = Bytes().u32(0xF993FACA).u32(0).u32(2).str() + tail(1, 2);
  for (const std::string& record : {v0, v1, v2, v3}) {
    const std::string bytes = list_of(record);
    const SourceFile file = read(bytes);
    REQUIRE(file.tensors.size() == 1);
    CHECK(file.tensors[0].shape == Shape{1, 2});
  }
}

TEST_CASE(".params files cut short at any byte are refused", "[params][convert][cpu]") {
  const std::string whole = params_file(kTensors);
  for (std::size_t length = 0; length < whole.size(); ++length) {
    INFO("cut after " << length << " bytes");
    CHECK(code_of(whole.substr(0, length)) == ErrorCode::kBadModel);
  }
  CHECK(code_of(whole + '\0') == ErrorCode::kBadModel);
}

TEST_CASE(".params records that lie about their size are refused", "[params][convert][cpu]") {
  const auto record = [](std::uint64_t first, std::uint64_t second) {
    return list_of(Bytes().u32(0xF993FACA).u32(0).u32(2).str() + tail(first, second));
  };
  CHECK(code_of(record(1, 3)) == ErrorCode::kBadModel);                       // more than there is
  CHECK(code_of(record(std::uint64_t{1} << 62, 4)) == ErrorCode::kBadModel);  // wraps to 0 bytes
  CHECK(code_of(record(std::uint64_t{1} << 63, 0)) == ErrorCode::kBadModel);  // negative
  CHECK(code_of(list_of(Bytes().u32(0x7FFFFFFF).str())) == ErrorCode::kBadModel);  // rank
  CHECK(code_of(list_of(Bytes().u32(0xF993FAC9).u32(1).u32(0).str())) ==
        ErrorCode::kBadModel);  // sparse
}

TEST_CASE(".params names must be unique and well-formed", "[params][convert][cpu]") {
  for (const std::string& name :
       {std::string("bn1.gamma"), std::string(), std::string("a\0b", 3), std::string("\xFF")}) {
    std::vector<NamedFloats> tensors = kTensors;
    tensors[0].name = name;
    CHECK(code_of(params_file(tensors)) == ErrorCode::kBadModel);
  }
}

}  // namespace nestor::test
