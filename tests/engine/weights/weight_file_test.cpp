// Hostile headers: what they may cost, and what a message says of them.

#include "engine/weights/weight_file.h"

#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "engine/weights/file_kind.h"
#include "engine/weights/metadata.h"
#include "engine/weights/safetensors_header.h"
#include "nestor/preprocess.h"
#include "tests/support/allocations.h"
#include "tests/support/weight_files.h"

namespace nestor::test {

namespace {

constexpr std::string_view kEmpty = R"({"dtype":"F32","shape":[0],"data_offsets":[0,0]})";

std::string message_of(const std::string& file) {
  const auto [code, message] = error_of([&] { WeightFile::parse(as_bytes(file), "file"); });
  CHECK(code == ErrorCode::kBadModel);
  CHECK(message.starts_with("file: "));
  return message;
}

// Blocks that a refusal or reading of the file allocates, all added up, as multiples of its size.
double times_allocated(const std::string& file) {
  const AllocationCounter counter;
  try {
    WeightFile::parse(as_bytes(file), "file");
  } catch (const Error&) {
  }
  return static_cast<double>(counter.counts().our_bytes) / static_cast<double>(file.size());
}

std::string header_of(std::size_t count, std::string_view value, std::string_view last = "") {
  std::string header = "{";
  for (std::size_t i = 0; i < count; ++i) {
    header += fmt::format("{}\"{:x}\":{}", i == 0 ? "" : ",", i, value);
  }
  return safetensors_file(header + std::string(last) + "}", "");
}

}  // namespace

// Quadratic, this would take long: the only bound that the test needs.
TEST_CASE("weight files: names of one hash cost no more than others", "[weights][cpu]") {
  std::string header = "{";
  const std::vector<std::string> names = names_of_one_hash(60'000);
  CHECK(std::hash<std::string>()(names[0]) == std::hash<std::string>()(names[1]));
  for (const std::string& name : names) {
    header +=
        fmt::format("{}{}:{}", header.size() == 1 ? "" : ",", nlohmann::json(name).dump(), kEmpty);
  }
  const std::string file = safetensors_file(header + "}", "");
  const WeightFile read = WeightFile::parse(as_bytes(file), "file");
  CHECK(read.entries().size() == names.size());
  for (const std::string& name : names) CHECK(read.find(name)->name == name);
  CHECK(read.find("a") == nullptr);
}

TEST_CASE("weight files: equal names are refused wherever they stand", "[weights][cpu]") {
  CHECK_THAT(message_of(safetensors_file(
                 fmt::format(R"({{"b":{0},"a":{0},"c":{0},"a":{0}}})", kEmpty), "")),
             Catch::Contains("\"a\" occurs twice"));
}

TEST_CASE("weight files: a header's entries take at most four times its bytes", "[weights][cpu]") {
  if (!counts_allocations()) return;
  // Accepted, and refused at the very end, for tensors and for metadata.
  CHECK(times_allocated(header_of(100'000, kEmpty)) < 4);
  CHECK(times_allocated(header_of(100'000, kEmpty, ",\"0\":{}")) < 4);
  CHECK(times_allocated(header_of(100'000, R"({"dtype":"F4","shape":[],"data_offsets":[0,0]})")) <
        4);
  std::string metadata = R"({"__metadata__":{)";
  for (int i = 0; i < 500'000; ++i) metadata += fmt::format("\"{:x}\":\"\",", i);
  const std::string file = safetensors_file(metadata + "\"\":\"\"}}", "");
  CHECK(times_allocated(file) < 4);
  CHECK_THAT(message_of(file), Catch::Contains("too many small ones"));
}

TEST_CASE("weight files: long texts are cut in messages", "[weights][cpu]") {
  const std::string longest(200'000, 'x');
  for (const std::string& header :
       {fmt::format(R"({{"{}":{}}})", longest, kEmpty),
        fmt::format(R"({{"a":{{"dtype":"{}","shape":[0],"data_offsets":[0,0]}}}})", longest),
        fmt::format(R"({{"a":{{"{}":"F32"}}}})", longest),
        fmt::format(R"({{"a":{{"shape":[0.{}]}}}})", std::string(200'000, '1')),
        fmt::format(R"({{"__metadata__":{{"{}":1}}}})", longest)}) {
    CHECK(message_of(safetensors_file(header, "")).size() < 1000);
  }
}

TEST_CASE("weight files: nested metadata are refused without recursion", "[weights][cpu]") {
  const std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
  for (const std::string& text :
       {"{\"crop_size\":" + deep + "}", deep, "{\"mean\":" + deep + "}",
        std::string("{\"contract\":[[[1]]]}"), std::string(5000, ' ') + "{}",
        "{\"" + std::string(100'000, 'k') + "\":1}"}) {
    const auto [code, message] = error_of([&] { preprocess_from_json(text, "file"); });
    CHECK(code == ErrorCode::kBadModel);
    CHECK(message.size() < 1000);
  }
  for (const std::string& text :
       {deep, "[" + deep + "]", std::string("[\"a\",[]]"), std::string("[\"a\"] 1"),
        std::string("\"a\""), std::string(), std::string("[\"a\",\"b\",\"c\"]")}) {
    CHECK_FALSE(metadata_labels({{"nestor.labels", text}}, 2));
  }
  CHECK(metadata_labels({{"nestor.labels", "[\"a\",\"\\u00e4\"]"}}, 2) ==
        std::vector<std::string>{"a", "ä"});
}

TEST_CASE("weight files: other kinds of files are named", "[weights][cpu]") {
  using namespace std::string_literals;
  for (const auto& [start, words] :
       {std::pair<std::string, std::string>{
            "\x80\x02\x8A\x0A\x6C\xFC\x9C\x46\xF9\x20\x6A\xA8\x50\x19\x2E"s, "a PyTorch file"},
        {"\x80\x04\x95........", "a pickle"},
        {"\x12\x01\0\0\0\0\0\0........"s, "an MXNet parameter file"},
        {zip_file(std::vector<ZipEntry>{{"archive/data.pkl", "x"}}), "a PyTorch file"},
        {zip_file(std::vector<ZipEntry>{{"net.params", "x"}}), "a GluonCV archive"},
        {zip_file(std::vector<ZipEntry>{{"arr_0.npy", "x"}}), "a NumPy archive"},
        {zip_file(std::vector<ZipEntry>{{"readme", "x"}}), "a zip archive"},
        {"\x93NUMPY......", "a NumPy array"},
        {"version https://git-lfs.github.com/spec/v1\noid sha256:00", "git lfs pull"},
        {"\xFF\xD8\xFF\xE0........", "a JPEG picture"},
        {"\x89PNG\r\n\x1A\n....", "a PNG picture"},
        {"RIFF....WEBPVP8 ", "a WebP picture"},
        {"<!DOCTYPE html><html><body>", "an HTML page"},
        {"\n <html lang=\"en\">", "an HTML page"},
        {"<?xml version=\"1.0\"?><Error>", "an XML document"},
        {"<Error><Code>AccessDenied</Code>", "an XML document"},
        {"{\"message\": \"Not Found\"}", "a JSON text"},
        {"\x08\x07\x12\x07pytorch........", "an ONNX model"},
        {"\x89HDF\r\n\x1A\n....", "an HDF5 file"},
        {"GGUF\x03\0\0\0....."s, "a GGUF file"},
        {"\x1F\x8B\x08.......", "a gzip file"},
        {std::string(100, '\0'), "a file of zeros"},
        {std::string(257, 'x') + "ustar", "a tar archive"},
        {"the weights are elsewhere", "a text file"},
        {"", "an empty file"}}) {
    CHECK_THAT(message_of(start), Catch::Contains(words));
    const bool convertible = words.find("PyTorch") != std::string::npos ||
                             words.find("MXNet") != std::string::npos ||
                             words.find("GluonCV") != std::string::npos;
    CHECK((message_of(start).find("nestor-convert") != std::string::npos) == convertible);
  }
  // Any length may stand before the header: these begin like a pickle, an archive and ONNX.
  for (const std::uint64_t length : {std::uint64_t{0x80}, std::uint64_t{0x112}}) {
    std::string header = fmt::format("{{\"a\":{}}}", kEmpty);
    header.resize(length, ' ');
    const std::string file = safetensors_file(header, "");
    CHECK_FALSE(file_kind(as_bytes(file))->name.empty());
    CHECK(WeightFile::parse(as_bytes(file), "file").entries().size() == 1);
  }
}

TEST_CASE("weight files: what is written can be read, however many metadata there are",
          "[weights][cpu]") {
  std::map<std::string, std::string, std::less<>> metadata;
  for (int i = 0; i < 2000; ++i) metadata.emplace(fmt::format("key \"{}\"\n", i), "v\x01");
  const Shape shape{2, 3};
  const std::string header = format_safetensors_header(
      std::vector<SafetensorsTensor>{{"t\"", DType::kFloat32, &shape}}, metadata);
  CHECK(header.size() % 8 == 0);
  const std::string file = header + std::string(24, '\0');
  const WeightFile read = WeightFile::parse(as_bytes(file), "file");
  CHECK(read.metadata() == metadata);
  CHECK(read.find("t\"")->shape == shape);
}

}  // namespace nestor::test
