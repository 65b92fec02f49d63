#include "weights_convert/readers/torch.h"

#include <catch2/catch.hpp>

#include "tests/support/allocations.h"
#include "tests/support/weight_files.h"
#include "weights_convert/readers/registry.h"

namespace nestor::test {

namespace {

using Items = std::vector<std::pair<std::string, std::string>>;

const std::vector<Storage> kStorages = {{"0", {0, 1, 2, 3, 4, 5}}};

std::string tensor(int offset, std::vector<int> size, std::vector<int> stride) {
  return pickled_tensor("0", 6, offset, size, stride);
}

const std::string kMatrix = tensor(0, {2, 3}, {3, 1});

// Both containers of one pickle.
std::vector<std::string> containers(const std::string& pickle) {
  return {torch_archive(pickle, kStorages), torch_stream(pickle, kStorages)};
}

std::string message_of(const std::string& file) {
  const auto [code, message] = error_of([&] { read_source(as_bytes(file), "a.pth"); });
  CHECK(code == ErrorCode::kBadModel);
  CHECK(message.find("a.pth: ") == 0);
  return message;
}

void check_refused(const std::string& pickle) {
  for (const std::string& file : containers(pickle)) message_of(file);
}

std::string repeated(std::string_view text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

// Reads a file that says much in little, within memory in proportion to the file. Time is bounded
// by the same: what is never made needs no time.
template <class Read>
void within_memory(const std::string& file, Read read) {
  constexpr std::int64_t kMostTimes = 150;  // of all blocks ever, vectors that grow among them
  const AllocationCounter counter;
  read();
  if (counts_allocations()) {
    CHECK(counter.counts().our_bytes < static_cast<std::int64_t>(file.size()) * kMostTimes);
  }
}

std::string values_of(const SourceTensor& source) {
  std::vector<std::byte> scratch;
  const auto bytes = contiguous(source, scratch);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

TEST_CASE("PyTorch state dicts give tensors as views of their storages", "[torch][convert][cpu]") {
  const std::string pickle = pickled_dict(Items{{"plain", kMatrix},
                                                {"transposed", tensor(0, {3, 2}, {1, 3})},
                                                {"window", tensor(2, {2}, {2})},
                                                {"expanded", tensor(1, {2, 2}, {0, 1})},
                                                {"scalar", tensor(5, {}, {})},
                                                {"empty", tensor(0, {0, 3}, {3, 1})},
                                                {"epoch", pickled_int(3)}});
  const std::vector<std::vector<float>> expected = {
      {0, 1, 2, 3, 4, 5}, {0, 3, 1, 4, 2, 5}, {2, 4}, {1, 2, 1, 2}, {5}, {}};
  for (const std::string& file : containers(pickle)) {
    const SourceFile source = read_source(as_bytes(file), "a.pth");
    REQUIRE(source.tensors.size() == 6);
    CHECK(source.tensors[0].name == "plain");
    CHECK(source.tensors[1].shape == Shape{3, 2});
    for (std::size_t i = 0; i < expected.size(); ++i) {
      CHECK(values_of(source.tensors[i]) == floats(expected[i]));
    }
  }
}

TEST_CASE("PyTorch checkpoints hold the state dict under known keys", "[torch][convert][cpu]") {
  const std::string inner = "}(" + pickled_string("w") + kMatrix + "u";
  const std::string other = "}(" + pickled_string("v") + kMatrix + "u";
  for (const char* key : {"state_dict", "model", "state_dict_ema", "model_ema"}) {
    const std::string pickle =
        pickled_dict(Items{{"epoch", pickled_int(3)}, {"optimizer", other}, {key, inner}});
    for (const std::string& file : containers(pickle)) {
      CHECK(read_source(as_bytes(file), "a.pth").tensors.at(0).name == "w");
    }
  }
  const std::string both = pickled_dict(Items{{"state_dict", other}, {"state_dict_ema", inner}});
  CHECK(read_source(as_bytes(torch_archive(both, kStorages)), "a.pth").tensors.at(0).name == "w");
  check_refused(pickled_dict(Items{{"optimizer", other}}));
}

TEST_CASE("PyTorch tensors that leave their storage are refused", "[torch][convert][cpu]") {
  for (const std::string& bad :
       {tensor(1, {2, 3}, {3, 1}), tensor(0, {2, 3}, {4, 1}), tensor(-1, {2}, {1}),
        tensor(0, {-2}, {1}), tensor(0, {2}, {-1}), tensor(0, {2, 3}, {1}), tensor(6, {1}, {1}),
        pickled_tensor("0", 7, 0, std::vector{2}, std::vector{1}),
        pickled_tensor("0", 5, 0, std::vector{2}, std::vector{1}),
        pickled_tensor("1", 6, 0, std::vector{2}, std::vector{1}),
        tensor(0, {0x7FFFFFFF, 0x7FFFFFFF, 0x7FFFFFFF}, {0, 0, 0})}) {
    check_refused(pickled_dict(Items{{"w", bad}}));
  }
}

TEST_CASE("PyTorch tensors that expand far beyond their file are refused",
          "[torch][convert][cpu]") {
  const std::string pickle = pickled_dict(Items{{"w", tensor(0, {1 << 20}, {0})}});
  for (const std::string& file : containers(pickle)) {
    CHECK(message_of(file).find("more than 16 times the file") != std::string::npos);
  }
}

TEST_CASE("pickles may not ask for anything but weights", "[torch][convert][cpu]") {
  const std::string start = "\x80\x02";
  const auto bad = GENERATE_COPY(
      "cos\nsystem\n(" + pickled_string("true") + "tR.",  // a call
      "cos\nsystem\n.",                                   // a function
      "(" + pickled_string("true") + "ios\nsystem\n.",    // INST
      "}" + std::string("cbuiltins\neval\n") + "Ns.",     // as a key
      "ctorch\nFloatStorage\n.", "ccollections\nOrderedDict\n(NNtR.",
      "ccollections\nOrderedDict\n)R}(" + pickled_string("x") + "Nub.",  // attributes
      "}}b.", std::string("]\x94."), "h\x05.", "a.", "t.", "(.", "", ".", "N", "]q\x01h\x01u.",
      pickled_string("w") + ".", "}(" + pickled_string("w") + "u.", "}N]s.");
  check_refused(start + bad);
}

TEST_CASE("pickles nest to a limit, whatever holds what", "[torch][convert][cpu]") {
  const std::string start = "\x80\x02";
  check_refused(start + std::string(20000, ']') + std::string(19999, 'a') + ".");
  check_refused(start + std::string(1000, '(') + ".");
  std::string doubled = start + ")";
  for (int i = 0; i < 60; ++i) doubled += "q\x01h\x01h\x01\x86";
  check_refused(doubled + ".");
  // A list that holds itself is data like any other; nothing walks into it.
  const std::string own =
      "]q\x01h\x01"
      "a";
  const std::string pickle =
      start + "}(" + pickled_string("self") + own + pickled_string("w") + kMatrix + "u.";
  CHECK(read_source(as_bytes(torch_archive(pickle, kStorages)), "a.pth").tensors.size() == 1);
}

TEST_CASE("pickles that copy a long list time and again are refused", "[torch][convert][cpu]") {
  // One list of 900,000 times the same pair, and an OrderedDict of it 20,000 times.
  const std::string pickle = "\x80\x02(" + pickled_string("w") + std::string("N\x86q\x01") + "](" +
                             repeated("h\x01", 900'000) + "e\x85q\x02" +
                             "ccollections\nOrderedDict\nq\x03" + repeated("h\x03h\x02R", 20'000) +
                             "t.";
  for (const std::string& file : containers(pickle)) {
    within_memory(file,
                  [&] { CHECK(message_of(file).find("times the bytes") != std::string::npos); });
  }
}

TEST_CASE("pickles that make tensors of one tuple time and again are refused",
          "[torch][convert][cpu]") {
  std::string dims = "(";
  for (int i = 0; i < 32; ++i) dims += pickled_int(1);
  const std::string storage = "(" + pickled_string("storage") + "ctorch\nFloatStorage\n" +
                              pickled_string("0") + pickled_string("cpu") + pickled_int(6) + "tQ";
  const std::string pickle = "\x80\x02(ctorch._utils\n_rebuild_tensor\nq\x01(" + storage +
                             pickled_int(0) + dims + "tq\x03h\x03tq\x02" +
                             repeated("h\x01h\x02R", 200'000) + "t.";
  for (const std::string& file : containers(pickle)) {
    within_memory(file,
                  [&] { CHECK(message_of(file).find("times the bytes") != std::string::npos); });
  }
}

TEST_CASE("storages have short keys, as they are compared for every tensor",
          "[torch][convert][cpu]") {
  const std::string key(1000, '0');
  const std::string pickle =
      pickled_dict(Items{{"w", pickled_tensor(key, 1, 0, std::vector{1}, std::vector{1})}});
  const std::vector<Storage> storages = {{key, {1}}};
  for (const std::string& file :
       {torch_archive(pickle, storages), torch_stream(pickle, storages)}) {
    CHECK(message_of(file).find("a storage's key has 1000 bytes") != std::string::npos);
  }
}

TEST_CASE("a name of 64 KiB is copied once, however many tensors have it",
          "[torch][convert][cpu]") {
  const std::string pickle = "\x80\x02}(" + pickled_string(std::string(64 * 1024, 'n')) + "q\x01" +
                             kMatrix + "q\x02" + repeated("h\x01h\x02", 200'000) + "u.";
  for (const std::string& file : containers(pickle)) {
    within_memory(file, [&] { CHECK(message_of(file).find("occurs twice") != std::string::npos); });
  }
}

// Quadratic, this would take minutes: the only bound that the test needs.
TEST_CASE("attributes that were looked at are not looked at again", "[torch][convert][cpu]") {
  const std::string pickle =
      "\x80\x02"
      "ccollections\nOrderedDict\n)R}q\x01(" +
      pickled_string("_metadata") + "q\x02N" + repeated("h\x02N", 400'000) + "ub" +
      repeated(
          "h\x01"
          "b",
          400'000) +
      "(" + pickled_string("w") + kMatrix + "u.";
  for (const std::string& file : containers(pickle)) {
    within_memory(file,
                  [&] { CHECK(read_source(as_bytes(file), "a.pth").tensors.at(0).name == "w"); });
  }
  // Items that came later are looked at.
  check_refused(
      "\x80\x02"
      "ccollections\nOrderedDict\n)R}q\x01"
      "bh\x01(" +
      pickled_string("x") + "Nub.");
}

TEST_CASE("PyTorch legacy streams cut short at any byte are refused", "[torch][convert][cpu]") {
  const std::string whole = torch_stream(pickled_dict(Items{{"w", kMatrix}}), kStorages);
  CHECK(read_source(as_bytes(whole), "a.pth").tensors.size() == 1);
  for (std::size_t length = 0; length < whole.size(); ++length) {
    INFO("cut after " << length << " bytes");
    message_of(whole.substr(0, length));
  }
  message_of(whole + '\0');
}

TEST_CASE("PyTorch legacy streams place storages by the list of keys", "[torch][convert][cpu]") {
  const std::string pickle =
      pickled_dict(Items{{"a", pickled_tensor("x", 2, 0, std::vector{2}, std::vector{1})},
                         {"b", pickled_tensor("y", 1, 0, std::vector{1}, std::vector{1})}});
  const std::vector<Storage> reversed = {{"y", {9}}, {"x", {7, 8}}};
  const std::string file = torch_stream(pickle, reversed);
  const SourceFile source = read_source(as_bytes(file), "a.pth");
  CHECK(values_of(source.tensors.at(0)) == floats(std::vector<float>{7, 8}));
  CHECK(values_of(source.tensors.at(1)) == floats(std::vector<float>{9}));
  message_of(torch_stream(pickle, std::vector<Storage>{{"x", {7, 8}}}));
  message_of(torch_stream(pickle, std::vector<Storage>{{"x", {7, 8}}, {"y", {9}}, {"z", {1}}}));
  message_of(torch_stream(pickle, std::vector<Storage>{{"x", {7, 8}}, {"x", {7, 8}}, {"y", {9}}}));
}

namespace {

std::string global(std::string_view module, std::string_view name) {
  return "c" + std::string(module) + "\n" + std::string(name) + "\n";
}

// A checkpoint with the value beside its state dict.
std::string beside(const std::string& value) {
  return pickled_dict(
      Items{{"args", value}, {"state_dict", "}(" + pickled_string("w") + kMatrix + "u"}});
}

}  // namespace

TEST_CASE("harmless values beside the weights stay closed", "[torch][convert][cpu]") {
  const std::string tuple = "(" + pickled_string("a") + pickled_int(1) + "t";
  for (const std::string& value : {
           global("argparse", "Namespace") + ")\x81}(" + pickled_string("lr") + pickled_int(1) +
               "ub",
           global("collections", "Counter") + "}" + pickled_int(3) + pickled_int(1) + "s\x85R",
           global("collections", "defaultdict") + global("__builtin__", "list") + "\x85R" +
               pickled_string("k") + "]s",
           global("collections", "deque") + ")R(" + pickled_int(1) + pickled_int(2) + "e",
           global("pathlib", "PosixPath") + "(" + pickled_string("a") + pickled_string("b") + "tR",
           global("__builtin__", "set") + "](" + pickled_int(1) + "e\x85R",
           global("datetime", "datetime") + global("_codecs", "encode") + "(" +
               pickled_string("x") + pickled_string("latin1") + "tR\x85R",
           global("torch", "device") + pickled_string("cuda") + "\x85R",
           global("torch", "float16"),
           global("torch", "Size") + "(" + pickled_int(2) + "t\x85R",
           global("numpy.core.multiarray", "scalar") + "(" + global("numpy", "dtype") + "(" +
               pickled_string("f8") + "tR" + global("_codecs", "encode") + "(" +
               pickled_string("x") + "tRtR",
           std::string("\x8A\x0A") + std::string(10, '\x7F'),           // more than 64 bits
           std::string("\x8B\x10\0\0\0", 5) + std::string(16, '\x7F'),  // LONG4
           std::string("\x8F(") + pickled_int(1) + "\x90",              // a set
           "}" + tuple + pickled_int(1) + "s",
           "}G" + std::string(8, '\0') + "Ns",  // keys
           std::string("}\x88Ns"),
           std::string("}NNs"),
       }) {
    INFO(value);
    for (const std::string& file : containers(beside(value))) {
      CHECK(read_source(as_bytes(file), "a.pth").tensors.at(0).name == "w");
    }
  }
}

TEST_CASE("objects of unknown classes are skipped only when that is asked for",
          "[torch][convert][cpu]") {
  for (const std::string& value :
       {global("os", "system") + pickled_string("true") + "\x85R",
        global("my.config", "Options") + ")\x81}" + pickled_string("a") + pickled_int(1) + "sb",
        global("builtins", "eval"), global("builtins", "getattr") + "(NNtR",
        global("numpy", "load"), global("argparse", "ArgumentParser"), global("builtins", "se"),
        global("torch", " ")}) {
    for (const std::string& file : containers(beside(value))) {
      CHECK(message_of(file).find("--skip-objects") != std::string::npos);
      ReadOptions skip;
      skip.skip_objects = true;
      CHECK(read_source(as_bytes(file), "a.pth", skip).tensors.at(0).name == "w");
    }
  }
  // What cannot be an object stays refused.
  ReadOptions skip;
  skip.skip_objects = true;
  const std::string stack_global = torch_archive("\x80\x02}(NN\x93u.", kStorages);
  CHECK(error_of([&] { read_source(as_bytes(stack_global), "a.pth", skip); }).first ==
        ErrorCode::kBadModel);
}

TEST_CASE("a tensor that depends on an object is named", "[torch][convert][cpu]") {
  const std::string array =
      global("numpy.core.multiarray", "_reconstruct") + "(" + global("numpy", "ndarray") + "tR";
  const std::string rebuilt = global("torch._utils", "_rebuild_tensor_v2") + "(" + array +
                              pickled_int(0) + "))\x89" + "NtR";
  const std::string pickle = pickled_dict(Items{{"w", kMatrix}, {"v", array}, {"u", rebuilt}});
  for (const std::string& file : containers(pickle)) {
    const SourceFile source = read_source(as_bytes(file), "a.pth");
    CHECK(source.tensors.size() == 1);
    CHECK(source.objects.at("v") == "_reconstruct");
    CHECK(source.objects.at("u") == "torch._utils _rebuild_tensor_v2");
  }
}

TEST_CASE("tensors with attributes are tensors", "[torch][convert][cpu]") {
  // _rebuild_from_type_v2(function, class, arguments, attributes)
  const std::size_t arguments = kMatrix.find('(', kMatrix.find("_v2"));
  const std::string call = kMatrix.substr(0, arguments);
  const std::string tuple = kMatrix.substr(arguments, kMatrix.size() - arguments - 1);
  REQUIRE(kMatrix.back() == 'R');
  for (const char* name : {"_rebuild_from_type", "_rebuild_from_type_v2"}) {
    const std::string pickle = pickled_dict(
        Items{{"w", global("torch._tensor", name) + "(" + call + global("torch", "Tensor") + tuple +
                        "}" + pickled_string("note") + pickled_string("x") + "stR"}});
    for (const std::string& file : containers(pickle)) {
      CHECK(values_of(read_source(as_bytes(file), "a.pth").tensors.at(0)) ==
            floats(std::vector<float>{0, 1, 2, 3, 4, 5}));
    }
  }
}

TEST_CASE("tensors of untyped storages have their own types", "[torch][convert][cpu]") {
  // _rebuild_tensor_v3(storage, offset, extents, strides, requires_grad, hooks, type)
  const auto typed = [](const std::string& storage_class, int offset, const std::string& type) {
    const std::string storage = "(" + pickled_string("storage") + storage_class +
                                pickled_string("0") + pickled_string("cpu") + pickled_int(24) +
                                "tQ";
    return global("torch._utils", "_rebuild_tensor_v3") + "(" + storage + pickled_int(offset) +
           "(" + pickled_int(2) + "t(" + pickled_int(1) + "t\x89" +
           "ccollections\nOrderedDict\n)R" + type + "tR";
  };
  const std::string untyped = global("torch.storage", "UntypedStorage");
  const std::string bytes = global("torch", "ByteStorage");
  const std::vector<Storage> storages = {{"0", {0, 1, 2, 3, 4, 5}, /*untyped=*/true}};
  const auto both = [&](const std::string& value) {
    const std::string pickle = pickled_dict(Items{{"w", value}});
    return std::vector{torch_archive(pickle, storages), torch_stream(pickle, storages)};
  };
  for (const std::string& file : both(typed(untyped, 3, global("torch", "float32")))) {
    const SourceFile source = read_source(as_bytes(file), "a.pth");
    CHECK(source.tensors.at(0).dtype == DType::kFloat32);
    CHECK(values_of(source.tensors.at(0)) == floats(std::vector<float>{3, 4}));
  }
  for (const std::string& file : both(typed(untyped, 10, global("torch", "uint16")))) {
    const SourceFile source = read_source(as_bytes(file), "a.pth");
    const SourceTensor& tensor = source.tensors.at(0);
    CHECK(tensor.dtype == DType::kUInt16);
    CHECK(values_of(tensor) == std::string("\0\0\xA0\x40", 4));
  }
  // Types without values here are objects, of which no weight may be.
  for (const std::string& file :
       both(typed(untyped, 0, global("torch", "uint8")) + pickled_string("v") +
            typed(untyped, 0, global("torch", "float8_e4m3fn")))) {
    const SourceFile source = read_source(as_bytes(file), "a.pth");
    CHECK(source.tensors.size() == 1);
    CHECK(source.objects.at("v") == "float8_e4m3fn");
  }
  for (const std::string& bad :
       {typed(untyped, 5, global("torch", "float32")),
        typed(untyped, 11, global("torch", "uint16")), typed(untyped, -1, global("torch", "uint8")),
        typed(bytes, 0, global("torch", "float32")), typed(untyped, 0, pickled_string("float32")),
        typed(untyped, 0, "N")}) {
    for (const std::string& file : both(bad)) message_of(file);
  }
}

TEST_CASE("the state dict is looked for under known keys first, then where names are explained",
          "[torch][convert][cpu]") {
  const auto dict = [](std::string_view name) {
    return "}(" + pickled_string(name) + kMatrix + "u";
  };
  const auto first_name = [](const std::string& pickle, ReadOptions options = {}) {
    const std::string file = torch_archive(pickle, kStorages);
    return read_source(as_bytes(file), "a.pth", options).tensors.at(0).name.value();
  };
  ReadOptions wanted;
  wanted.explains = [](std::span<const std::string> names) { return names[0] == "w"; };
  CHECK(first_name(pickled_dict(Items{{"best_acc1", kMatrix}, {"state_dict", dict("w")}})) == "w");
  CHECK(first_name(pickled_dict(Items{{"model", dict("w")}, {"loss", kMatrix}})) == "w");
  CHECK(first_name(pickled_dict(Items{{"state_dict", dict("v")}, {"model", dict("w")}}), wanted) ==
        "w");
  CHECK(first_name(pickled_dict(Items{{"net", dict("w")}, {"optimizer", dict("v")}}), wanted) ==
        "w");
  CHECK(
      first_name(pickled_dict(Items{{"net", "}" + pickled_string("state_dict") + dict("w") + "s"}}),
                 wanted) == "w");
  CHECK(first_name(pickled_dict(Items{{"best_acc1", kMatrix}, {"net", dict("w")}}), wanted) == "w");
  CHECK(first_name(pickled_dict(Items{{"w", kMatrix}, {"net", dict("w")}}), wanted) == "w");
  CHECK(first_name(pickled_dict(Items{{"v", kMatrix}, {"net", dict("u")}}), wanted) == "v");
  ReadOptions keyed;
  keyed.state_dict_key = "net_ema";
  CHECK(first_name(pickled_dict(Items{{"net", dict("w")}, {"net_ema", dict("v")}}), keyed) == "v");
  const auto message = [&](const std::string& pickle, const ReadOptions& options) {
    const std::string file = torch_archive(pickle, kStorages);
    return error_of([&] { read_source(as_bytes(file), "a.pth", options); }).second;
  };
  CHECK_THAT(message(pickled_dict(Items{{"net", dict("w")}, {"ema", dict("w")}}), wanted),
             Catch::Contains("under several keys, net, ema"));
  CHECK_THAT(message(pickled_dict(Items{{"net", dict("v")}, {"epoch", pickled_int(1)}}), wanted),
             Catch::Contains("keys \"net\", \"epoch\""));
  keyed.state_dict_key = "nets";
  CHECK_THAT(message(pickled_dict(Items{{"net", dict("v")}}), keyed),
             Catch::Contains("no key \"nets\"; there are \"net\""));
}

TEST_CASE("checkpoints may name their classes", "[torch][convert][cpu]") {
  const std::string inner = "}(" + pickled_string("w") + kMatrix + "u";
  const auto labels = [&](const char* key, const std::string& value) {
    const std::string file =
        torch_archive(pickled_dict(Items{{"state_dict", inner}, {key, value}}), kStorages);
    return read_source(as_bytes(file), "a.pth").labels;
  };
  const std::string cat = pickled_string("cat"), dog = pickled_string("dog");
  const std::vector<std::string> both = {"cat", "dog"};
  CHECK(labels("class_to_idx", "}(" + dog + pickled_int(1) + cat + pickled_int(0) + "u") == both);
  CHECK(labels("idx_to_class", "}(" + pickled_int(0) + cat + pickled_int(1) + dog + "u") == both);
  CHECK(labels("id2label", "}(" + pickled_string("1") + dog + pickled_string("0") + cat + "u") ==
        both);
  CHECK(labels("classes", "](" + cat + dog + "e") == both);
  for (const std::string& bad :
       {"}(" + dog + pickled_int(1) + cat + pickled_int(1) + "u", "}(" + dog + pickled_int(2) + "u",
        "}(" + dog + pickled_int(-1) + "u", std::string("]"),
        "](" + pickled_string("\xFF") + "e"}) {
    CHECK(labels("class_to_idx", bad).empty());
  }
}

TEST_CASE("names of one hash cost no more than others", "[torch][convert][cpu]") {
  // Quadratic, this would take minutes: the only bound that the test needs.
  std::string items = "}(";
  for (const std::string& name : names_of_one_hash(60'000)) {
    items += pickled_string(name) + "h\x01";
  }
  const std::string kept =
      "\x80\x02}" + pickled_string("first") + kMatrix + "q\x01s" + items.substr(1) + "u.";
  const std::string file = torch_archive(kept, kStorages);
  const auto [code, message] = error_of([&] { read_source(as_bytes(file), "a.pth"); });
  CHECK(message.find("more than 16 times the file") == std::string::npos);
}

}  // namespace nestor::test
