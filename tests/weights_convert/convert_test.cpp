#include "weights_convert/convert.h"

#include <array>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <fstream>

#include "engine/digest.h"
#include "nestor/preprocess.h"
#include "tests/support/weight_files.h"
#include "weights_convert/inspect.h"
#include "weights_convert/metadata.h"
#include "weights_convert/rename/name_table.h"

namespace nestor::test {

namespace {

namespace fs = std::filesystem;

constexpr int kNumClasses = 3;

ConversionOptions options(std::string_view network = "resnest14", int num_classes = kNumClasses) {
  ConversionOptions result;
  result.network = network;
  result.num_classes = num_classes;
  return result;
}

// A source file of resnest14 with `name` for each parameter and a value that tells which it is.
template <class Name>
void write_source(const fs::path& path, DType dtype, Name name,
                  std::vector<WeightFileWriter::Entry> more = {}, const Metadata& metadata = {}) {
  std::vector<WeightFileWriter::Entry> entries = std::move(more);
  const NetworkOptions classes{kNumClasses};
  for (const Parameter& parameter : parameters(*find_network("resnest14"), classes)) {
    const std::string spelled = name(parameter.name);
    if (!spelled.empty()) entries.push_back({spelled, dtype, parameter.shape});
  }
  WeightFileWriter writer(path, std::move(entries), metadata);
  for (const WeightFileWriter::Entry& entry : writer.entries()) {
    const std::size_t count = static_cast<std::size_t>(entry.shape.num_elements());
    std::vector<std::byte> bytes(count * size_bytes(entry.dtype));
    if (entry.dtype == DType::kBFloat16) {  // 1.5 everywhere
      for (std::size_t i = 0; i < count; ++i) {
        bytes[2 * i] = std::byte{0xC0};
        bytes[2 * i + 1] = std::byte{0x3F};
      }
    } else if (entry.dtype == DType::kFloat32) {
      const auto value = static_cast<float>(entry.name.size());
      for (std::size_t i = 0; i < count; ++i) std::memcpy(&bytes[4 * i], &value, 4);
    }
    writer.write(bytes);
  }
  writer.finish();
}

std::string same(const std::string& name) { return name; }

std::string torch(const std::string& name) {
  return name_table(*find_network("resnest14")).torch_name(name);
}

std::string file_digest(const fs::path& path) { return sha256_hex(MappedFile::open(path).bytes()); }

// A small .params file: no network's, but named by its hash.
const std::string kParams = params_file(std::vector<NamedFloats>{{"w", {2}, {1, 2}}});

}  // namespace

TEST_CASE("a PyTorch file becomes a model file of float32 under canonical names",
          "[convert][cpu]") {
  const TemporaryFolder folder;
  const fs::path source = folder.path() / "source", output = folder.path() / "model.safetensors";
  write_source(source, DType::kBFloat16, torch,
               {{"bn1.num_batches_tracked", DType::kInt64, Shape()}});
  const Conversion done = convert(source, output, options());
  CHECK(done.source == "timm");
  CHECK(done.num_tensors == 129);

  const WeightFile model = WeightFile::open(output);
  CHECK(model.entries().size() == 129);
  const WeightFile::Entry* gamma = model.find("layer1.0.conv2.bn.gamma");
  REQUIRE(gamma != nullptr);
  CHECK(gamma->dtype == "F32");
  float value = 0;
  std::memcpy(&value, gamma->data.data(), sizeof(value));
  CHECK(value == 1.5F);
  CHECK(model.metadata().at("nestor.network") == "resnest14");
  CHECK(model.metadata().at("nestor.num_classes") == "3");
  CHECK(model.metadata().at("nestor.source") == "timm");
  CHECK(model.metadata().at("nestor.source_sha256") == file_digest(source));
  CHECK(model.metadata().count("nestor.synthetic") == 0);
  CHECK(folder.num_files() == 2);
}

TEST_CASE("a model file converts to itself", "[convert][cpu]") {
  const TemporaryFolder folder;
  const fs::path source = folder.path() / "source", first = folder.path() / "first";
  write_source(source, DType::kFloat32, same);
  ConversionOptions given = options();
  given.source = "resnest";
  CHECK(convert(source, first, given).source == "resnest");
  const fs::path second = folder.path() / "second";
  CHECK(convert(first, second, options()).source == "resnest");
  const WeightFile a = WeightFile::open(first), b = WeightFile::open(second);
  for (const WeightFile::Entry& entry : a.entries()) {
    CHECK(std::ranges::equal(entry.data, b.find(entry.name)->data));
  }
}

TEST_CASE("a model file keeps its labels, preprocessing and notes", "[convert][cpu]") {
  const TemporaryFolder folder;
  const fs::path source = folder.path() / "source", output = folder.path() / "model";
  Preprocess preprocess;
  preprocess.crop_size = 96;
  const Metadata own = {{"nestor.network", "resnest14"},
                        {"nestor.num_classes", "3"},
                        {"nestor.source", "resnest"},
                        {"nestor.labels", "[\"a\",\"b\",\"c\"]"},
                        {"nestor.preprocess", to_json(preprocess)},
                        {"nestor.other", "unknown"},
                        {"accuracy", "all"},
                        {"licence", "CC0"}};
  const auto converted = [&](const Metadata& changes, ConversionOptions given = options()) {
    Metadata metadata = changes;
    metadata.insert(own.begin(), own.end());
    write_source(source, DType::kFloat32, same, {}, metadata);
    convert(source, output, given);
    return WeightFile::open(output).metadata();
  };
  const auto usual = [](std::string_view whose) {
    return to_json(evaluation_preprocess(*find_network("resnest14"), whose));
  };

  const Metadata kept = converted({});
  for (const auto& [key, value] : own) {
    INFO(key);
    CHECK(kept.contains(key) == (key != "nestor.other"));
    if (kept.contains(key)) CHECK(kept.at(key) == value);
  }

  ConversionOptions given = options();
  given.labels = folder.write("labels.txt", "x\ny\nz\n");
  given.notes = {{"licence", "mine"}};
  given.source = "timm";  // whose preprocessing is asked for, too
  const Metadata asked = converted({}, given);
  CHECK(asked.at("nestor.labels") == "[\"x\",\"y\",\"z\"]");
  CHECK(asked.at("licence") == "mine");
  CHECK(asked.at("accuracy") == "all");
  CHECK(asked.at("nestor.preprocess") == usual("timm"));

  for (const Metadata& foreign :
       {Metadata{{"nestor.network", "resnest50"}}, Metadata{{"nestor.num_classes", "4"}}}) {
    const Metadata without = converted(foreign);
    CHECK(!without.contains("nestor.labels"));
    CHECK(without.at("nestor.preprocess") == usual("resnest"));
    CHECK(!without.contains("accuracy"));
  }
  for (const char* labels : {"[\"a\",\"b\"]", "[1,2,3]", "[\"a\"", "{}", ""}) {
    CHECK(!converted({{"nestor.labels", labels}}).contains("nestor.labels"));
  }
  CHECK(converted({{"nestor.preprocess", "{}"}}).at("nestor.preprocess") == usual("resnest"));
}

TEST_CASE("a file is not believed whatever it says about its source", "[convert][cpu]") {
  const TemporaryFolder folder;
  const fs::path source = folder.path() / "source", output = folder.path() / "model";
  for (const auto& [own, expected] : {std::pair{"timm", "timm"},
                                      {"nestor", "nestor"},
                                      {"synthetic", "synthetic"},
                                      {"\x1B[2J", "gluoncv"},
                                      {"", "gluoncv"}}) {
    write_source(source, DType::kFloat32, same, {}, {{"nestor.source", own}});
    CHECK(convert(source, output, options()).source == expected);
  }
  for (const auto& [own, expected] : {std::pair{"true", true}, {"false", false}, {"", false}}) {
    write_source(source, DType::kFloat32, same, {}, {{"nestor.synthetic", own}});
    convert(source, output, options());
    CHECK(WeightFile::open(output).metadata().contains("nestor.synthetic") == expected);
  }
}

TEST_CASE("labels go into the model file, one for each class", "[convert][cpu]") {
  const TemporaryFolder folder;
  const fs::path source = folder.path() / "source", output = folder.path() / "model";
  write_source(source, DType::kFloat32, same);
  ConversionOptions given = options();
  given.labels = folder.write("labels.txt", "cat\r\n\"dog\"\nK\xC3\xBChl");
  convert(source, output, given);
  CHECK(WeightFile::open(output).metadata().at("nestor.labels") ==
        "[\"cat\",\"\\\"dog\\\"\",\"K\xC3\xBChl\"]");
  for (const char* text : {"one\ntwo\n", "one\ntwo\nthree\nfour\n", "one\ntwo\n\xFF\n"}) {
    given.labels = folder.write("labels.txt", text);
    CHECK(error_of([&] { convert(source, output, given); }).first == ErrorCode::kBadInput);
  }
}

TEST_CASE("fp16 storage rounds matrices, and leaves vectors alone", "[convert][cpu]") {
  const TemporaryFolder folder;
  const fs::path source = folder.path() / "source", output = folder.path() / "model";
  write_source(source, DType::kFloat32, same);
  ConversionOptions half = options();
  half.storage = DType::kFloat16;
  const Conversion done = convert(source, output, half);
  CHECK(done.output_bytes < done.input_bytes * 51 / 100);
  const WeightFile model = WeightFile::open(output);
  for (const WeightFile::Entry& entry : model.entries()) {
    INFO(entry.name);
    CHECK(entry.dtype == (entry.shape.rank() >= 2 ? "F16" : "F32"));
  }
  const WeightFile::Entry* weight = model.find("fc.weight");  // 9.0 everywhere
  CHECK((weight->data[0] == std::byte{0x80} && weight->data[1] == std::byte{0x48}));
}

TEST_CASE("notes go into the metadata, under keys of their own", "[convert][cpu]") {
  const TemporaryFolder folder;
  const fs::path source = folder.path() / "source", output = folder.path() / "model";
  write_source(source, DType::kFloat32, same);
  ConversionOptions noted = options();
  noted.notes = {{"accuracy", "all"}, {"licence", "CC0"}};
  convert(source, output, noted);
  CHECK(WeightFile::open(output).metadata().at("accuracy") == "all");
  CHECK(WeightFile::open(output).metadata().at("licence") == "CC0");
  noted.notes = {{"nestor.network", "resnest50"}};
  CHECK(error_of([&] { convert(source, output, noted); }).first == ErrorCode::kUsage);
}

TEST_CASE("a file that does not fit is refused with all that is wrong, and nothing is written",
          "[convert][cpu]") {
  const TemporaryFolder folder;
  const fs::path source = folder.path() / "source", output = folder.path() / "model";
  const auto renamed = [](const std::string& name) {
    return name == "bn1.beta" ? std::string() : name == "fc.bias" ? "head.bias" : name;
  };
  write_source(source, DType::kFloat32, renamed);
  const auto [code, message] = error_of([&] { convert(source, output, options("resnest14", 4)); });
  CHECK(code == ErrorCode::kBadModel);
  INFO(message);
  for (const char* line :
       {"not the weights of resnest14 with 4 classes: 2 tensors missing, 1 unexpected, 1 misshapen",
        "missing    bn1.beta: expected [64], found nothing",
        "missing    fc.bias: expected [4], found nothing",
        "unexpected head.bias: expected nothing, found float32 [3]",
        "misshapen  fc.weight: expected [4, 2048], found float32 [3, 2048]"}) {
    CHECK(message.find(line) != std::string::npos);
  }
  CHECK(folder.num_files() == 1);
}

TEST_CASE("what stands under the output's name survives a failed conversion", "[convert][cpu]") {
  const TemporaryFolder folder;
  const fs::path source = folder.write("w.params", kParams);
  const fs::path output = folder.write("model", "before");
  CHECK(error_of([&] { convert(source, output, options()); }).first == ErrorCode::kBadModel);
  std::string content;
  std::ifstream(output) >> content;
  CHECK(content == "before");
  CHECK(folder.num_files() == 2);
}

TEST_CASE("unknown networks and files that cannot be opened have their own codes",
          "[convert][cpu]") {
  const TemporaryFolder folder;
  const fs::path source = folder.write("w.params", kParams), output = folder.path() / "model";
  const auto [code, message] = error_of([&] { convert(source, output, options("resnest51")); });
  CHECK(code == ErrorCode::kUsage);
  CHECK(message.find("resnest50") != std::string::npos);
  CHECK(error_of([&] { convert(folder.path() / "none", output, options()); }).first ==
        ErrorCode::kBadInput);
  CHECK(error_of([&] { convert(folder.path(), output, options()); }).first == ErrorCode::kBadInput);
}

TEST_CASE("the hash in an official name must be that of the file", "[convert][cpu]") {
  const TemporaryFolder folder;
  const fs::path output = folder.path() / "model";
  const auto message_of = [&](const std::string& name, const std::string& contents) {
    const fs::path path = folder.write(name, contents);
    return error_of([&] { convert(path, output, options()); }).second;
  };
  const std::string sha1 = sha1_hex(as_bytes(kParams)).substr(0, 8);
  CHECK(message_of("net-00000000.params", kParams).find("promises the hash 00000000") !=
        std::string::npos);
  CHECK(message_of("net-" + sha1 + ".params", kParams).find("not the weights") !=
        std::string::npos);

  // A GluonCV archive and the file in it both have the hash of the latter.
  const std::string good = zip_file(std::vector<ZipEntry>{{"net-" + sha1 + ".params", kParams}});
  const std::string bad = zip_file(std::vector<ZipEntry>{{"net-00000000.params", kParams}});
  CHECK(message_of("net-" + sha1 + ".zip", good).find("not the weights") != std::string::npos);
  CHECK(message_of("net-00000000.zip", good).find("promises") != std::string::npos);
  CHECK(message_of("net.zip", bad).find("promises") != std::string::npos);

  const std::string pickle = "\x80\x02}" + pickled_string("w") +
                             pickled_tensor("0", 2, 0, std::vector{2}, std::vector{1}) + "s.";
  const std::string pth = torch_archive(pickle, std::vector<Storage>{{"0", {1, 2}}});
  const std::string sha256 = sha256_hex(as_bytes(pth)).substr(0, 8);
  CHECK(message_of("net-" + sha256 + ".pth", pth).find("not the weights") != std::string::npos);
  CHECK(message_of("net-00000000.pth", pth).find("promises") != std::string::npos);
}

TEST_CASE("a SHA-256 that was asked for must be the input's", "[convert][cpu]") {
  const TemporaryFolder folder;
  const fs::path source = folder.path() / "source", output = folder.path() / "model";
  write_source(source, DType::kFloat32, same);
  ConversionOptions given = options();
  given.source_sha256 = std::string(64, '0');
  const auto [code, message] = error_of([&] { convert(source, output, given); });
  CHECK(code == ErrorCode::kBadModel);
  CHECK(message.find(file_digest(source)) != std::string::npos);
  given.source_sha256 = file_digest(source);
  CHECK(convert(source, output, given).num_tensors == 129);
}

TEST_CASE("inspection shows tensors as they are in the file", "[convert][cpu]") {
  const SourceFile file = read_source(as_bytes(kParams), "w.params");
  const std::string digest = sha256_hex(as_bytes(floats(std::vector<float>{1, 2})));
  const std::string json = inspection_json(file);
  for (const std::string& part :
       {std::string("\"format\": \"mxnet\""), std::string("\"name\": \"w\""),
        std::string("\"dtype\": \"float32\""), digest}) {
    CHECK(json.find(part) != std::string::npos);
  }
  CHECK(inspection_text(file).find(digest) != std::string::npos);
}

TEST_CASE("the network is told by the tensors if it is not given", "[convert][cpu]") {
  const TemporaryFolder folder;
  const fs::path source = folder.path() / "source", output = folder.path() / "model";
  write_source(source, DType::kFloat32, torch);
  const Conversion done = convert(source, output, ConversionOptions{});
  CHECK(done.network == "resnest14");
  CHECK(done.num_classes == kNumClasses);
  CHECK(WeightFile::open(output).metadata().at("nestor.num_classes") == "3");
  // Its own file tells it, too.
  const fs::path again = folder.path() / "again";
  CHECK(convert(output, again, ConversionOptions{}).network == "resnest14");
  CHECK(file_digest(again).size() == 64);
  const fs::path other = folder.write("w.params", kParams);
  const auto [code, message] = error_of([&] { convert(other, again, ConversionOptions{}); });
  CHECK(code == ErrorCode::kBadModel);
  CHECK_THAT(message, Catch::Contains("of no network"));
}

TEST_CASE("weights of another network or number of classes are told in one line",
          "[convert][cpu]") {
  const TemporaryFolder folder;
  const fs::path source = folder.path() / "source", output = folder.path() / "model";
  write_source(source, DType::kFloat32, torch);
  const auto message = [&](const ConversionOptions& given) {
    const auto [code, text] = error_of([&] { convert(source, output, given); });
    CHECK(code == ErrorCode::kBadModel);
    CHECK(text.find('\n') == std::string::npos);
    return text;
  };
  CHECK_THAT(message(options("resnest50")),
             Catch::Contains("weights of resnest14 with 3 classes, not of resnest50"));
  CHECK_THAT(message(options("resnest14", 10)), Catch::Contains("add --num-classes 3"));
  ConversionOptions usual;
  usual.network = "resnest14";
  CHECK_THAT(message(usual), Catch::Contains("add --num-classes 3"));
  usual.num_classes = kClassesOfFile;
  CHECK(convert(source, output, usual).num_classes == 3);
  usual.num_classes.reset();
  usual.labels = folder.write("labels.json", R"(["a", "b", "c"])");
  CHECK(convert(source, output, usual).num_classes == 3);
}

TEST_CASE("tensors are left out by name, by prefix and by the user's will", "[convert][cpu]") {
  const TemporaryFolder folder;
  const fs::path source = folder.path() / "source", output = folder.path() / "model";
  const auto in_model = [](const std::string& name) { return "model." + torch(name); };
  write_source(source, DType::kFloat32, in_model,
               {{"criterion.weight", DType::kFloat32, {3}}, {"n_averaged", DType::kInt64, {}}});
  const Conversion done = convert(source, output, options());
  REQUIRE(done.remarks.size() == 2);
  CHECK_THAT(done.remarks[0], Catch::Contains("\"model.\""));
  CHECK_THAT(done.remarks[1], Catch::Contains("criterion.weight"));

  write_source(source, DType::kFloat32, torch, {{"bn1.total_ops", DType::kFloat32, {1}}});
  CHECK_THAT(error_of([&] { convert(source, output, options()); }).second,
             Catch::Contains("unexpected bn1.total_ops"));
  ConversionOptions given = options();
  given.ignore = {"*total_ops", "*total_params"};
  CHECK_THAT(convert(source, output, given).remarks.at(0),
             Catch::Contains("--ignore *total_params: no tensor"));
}

TEST_CASE("what a model was trained with is stored with it", "[convert][cpu]") {
  const TemporaryFolder folder;
  const fs::path source = folder.path() / "source", output = folder.path() / "model";
  write_source(source, DType::kFloat32, torch);
  const auto stored = [&](const ConversionOptions& given) {
    convert(source, output, given);
    return preprocess_from_json(WeightFile::open(output).metadata().at("nestor.preprocess"), "m");
  };
  ConversionOptions given = options();
  const Preprocess usual = evaluation_preprocess(*find_network("resnest14"), "timm");
  CHECK(stored(given) == usual);
  given.changes = {.crop_size = 96,
                   .crop_ratio = 1.0,
                   .interpolation = Interpolation::kBicubic,
                   .mean = std::array{0.5F, 0.5F, 0.5F},
                   .std = std::array{0.25F, 0.5F, 0.75F}};
  Preprocess wanted = usual;
  wanted.crop_size = 96;
  wanted.crop_ratio = 1.0;
  wanted.interpolation = Interpolation::kBicubic;
  wanted.normalisation = {{0.5F, 0.5F, 0.5F}, {0.25F, 0.5F, 0.75F}};
  CHECK(stored(given) == wanted);
  given.changes = {};
  given.preprocess = wanted;
  CHECK(stored(given) == wanted);
  for (const PreprocessChanges& bad :
       {PreprocessChanges{.crop_size = 31}, PreprocessChanges{.crop_ratio = 1.5},
        PreprocessChanges{.std = std::array{0.F, 1.F, 1.F}},
        PreprocessChanges{.mean = std::array{NAN, 0.F, 0.F}}}) {
    given.changes = bad;
    CHECK(error_of([&] { convert(source, output, given); }).first == ErrorCode::kUsage);
  }
  // resnet101 and two of the fast networks are evaluated with another kernel by timm.
  for (const char* name : {"resnest50_fast_4s2x40d", "resnest50_fast_1s4x24d", "resnet101_v1b",
                           "resnet101_v1d", "resnet101_v1s"}) {
    CHECK(evaluation_preprocess(*find_network(name), "timm").interpolation ==
          Interpolation::kBicubic);
  }
}

TEST_CASE("labels are read from lines and from JSON", "[convert][cpu]") {
  const TemporaryFolder folder;
  const auto labels = [&](std::string_view text) {
    return read_labels(folder.write("labels", text));
  };
  const std::vector<std::string> both = {"tench", "goldfish"};
  for (const char* text :
       {"tench\ngoldfish\n", "\xEF\xBB\xBFtench\r\ngoldfish", R"(["tench", "goldfish"])",
        R"({"0": ["n01440764", "tench"], "1": ["n01443537", "goldfish"]})",
        R"({"1": "goldfish", "0": "tench"})", R"({"goldfish": 1, "tench": 0})",
        R"({"id2label": {"0": "tench", "1": "goldfish"}, "label2id": {}, "hidden": 3})",
        " \n{\"class_to_idx\": {\"tench\": 0, \"goldfish\": 1}}"}) {
    INFO(text);
    CHECK(labels(text) == both);
  }
  for (const std::string& text : std::vector<std::string>{
           R"({"0": "tench", "2": "goldfish"})", R"({"tench": 0, "goldfish": 0})", R"([1, 2])",
           R"({"a": "b"})", R"({"0": )", R"({"tench": -1})", R"({"0": []})", R"({"tench": 1.5})",
           std::string(100'000, '['), "\xFF"}) {
    INFO(text.substr(0, 50));
    const auto [code, message] = error_of([&] { labels(text); });
    CHECK(code == ErrorCode::kBadInput);
    CHECK(message.size() < 1000);
  }
}

TEST_CASE("the constants of export_block are the preprocessing's", "[convert][cpu]") {
  const TemporaryFolder folder;
  const fs::path output = folder.path() / "model";
  const Network& network = *find_network("resnest14");
  const std::vector<Parameter> all = parameters(network, {kNumClasses});
  const std::vector<std::string> legacy = name_table(network).legacy_names(all);
  const auto converted = [&](std::vector<float> mean, std::vector<float> scale,
                             const std::string& before) {
    std::vector<NamedFloats> tensors = {{before + "init_mean", {1, 1, 1, 3}, std::move(mean)},
                                        {before + "init_scale", {1, 1, 1, 3}, std::move(scale)}};
    for (std::size_t i = 0; i < all.size(); ++i) {
      const auto count = static_cast<std::size_t>(all[i].shape.num_elements());
      tensors.push_back({"arg:resnest0_" + legacy[i],
                         {all[i].shape.dims().begin(), all[i].shape.dims().end()},
                         std::vector<float>(count, 0.5F)});
    }
    const Conversion done =
        convert(folder.write("net.params", params_file(tensors)), output, options());
    const std::string json(WeightFile::open(output).metadata().at("nestor.preprocess"));
    return std::pair(preprocess_from_json(json, "m"), done.remarks.size());
  };
  const Preprocess usual = evaluation_preprocess(network, "gluoncv");
  CHECK(converted({123.675F, 116.28F, 103.53F}, {58.395F, 57.12F, 57.375F},
                  "arg:_defaultpreprocess0_") == std::pair(usual, std::size_t{0}));
  const auto [other, remarks] = converted({127.5F, 127.5F, 127.5F}, {255, 255, 255}, "arg:a_");
  CHECK(other.normalisation == Normalisation{{0.5F, 0.5F, 0.5F}, {1, 1, 1}});
  CHECK(remarks == 1);
}

}  // namespace nestor::test
