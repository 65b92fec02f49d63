// A pickle is a program for a small stack machine. A state dict written by torch.save uses two
// dozen of its opcodes; this machine has no others, and none of them can do anything but make data.

#include "weights_convert/readers/pickle.h"

#include <algorithm>
#include <unordered_map>

#include "engine/check.h"
#include "weights_convert/readers/pickle_budget.h"
#include "weights_convert/readers/torch_calls.h"

namespace nestor {

namespace {

using Kind = PickleValue::Kind;

// A training checkpoint of the largest network has some 100,000 values.
constexpr std::size_t kMaxValues = 1 << 20;
constexpr std::uint32_t kMaxMemoIdx = 1 << 22;
constexpr std::uint8_t kMaxDepth = 64;
constexpr std::size_t kMaxStringBytes = 64 * 1024;

enum Opcode : std::uint8_t {
  kProto = 0x80,
  kEmptyDict = '}',
  kEmptyList = ']',
  kEmptyTuple = ')',
  kMark = '(',
  kTuple = 't',
  kTuple1 = 0x85,
  kTuple2 = 0x86,
  kTuple3 = 0x87,
  kAppend = 'a',
  kAppends = 'e',
  kSetItem = 's',
  kSetItems = 'u',
  kBinUnicode = 'X',
  kShortBinString = 'U',
  kBinString = 'T',
  kBinInt = 'J',
  kBinInt1 = 'K',
  kBinInt2 = 'M',
  kLong1 = 0x8A,
  kLong4 = 0x8B,
  kBinFloat = 'G',
  kNewTrue = 0x88,
  kNewFalse = 0x89,
  kNone = 'N',
  kGlobal = 'c',
  kReduce = 'R',
  kNewObj = 0x81,
  kEmptySet = 0x8F,
  kAddItems = 0x90,
  kBinPersId = 'Q',
  kBuild = 'b',
  kBinPut = 'q',
  kLongBinPut = 'r',
  kBinGet = 'h',
  kLongBinGet = 'j',
  kStop = '.',
};

class Machine {
 public:
  Machine(ByteCursor& cursor, bool skip_objects)
      : cursor_(cursor), budget_(cursor), calls_(pickle_, budget_, cursor.file(), skip_objects) {}

  Pickle run() {
    while (step()) {
    }
    CHECK_AS(kBadModel, stack_.size() == 1 && marks_.empty(),
             "{}: the pickle ends with {} values on its stack", file(), stack_.size());
    pickle_.top = stack_.back();
    return std::move(pickle_);
  }

 private:
  const std::string& file() const { return cursor_.file(); }

  template <class Integer>
  Integer read() {
    return cursor_.read<Integer>("a pickle");
  }

  // False after STOP.
  bool step() {
    switch (const auto opcode = read<std::uint8_t>()) {
      case kProto: check_protocol(read<std::uint8_t>()); break;
      case kEmptyDict: push_container(Kind::kDict, {}); break;
      case kEmptyList: push_container(Kind::kList, {}); break;
      case kEmptyTuple: push_container(Kind::kTuple, {}); break;
      case kMark: mark(); break;
      case kTuple: push_container(Kind::kTuple, pop_to_mark()); break;
      case kTuple1:
      case kTuple2:
      case kTuple3: push_container(Kind::kTuple, pop(opcode - kTuple1 + 1u)); break;
      case kAppend: append(pop(1)); break;
      case kAppends: append(pop_to_mark()); break;
      case kSetItem: set_items(pop(2)); break;
      case kSetItems: set_items(pop_to_mark()); break;
      case kBinUnicode: push_string(read<std::uint32_t>()); break;
      case kShortBinString: push_string(read<std::uint8_t>()); break;
      case kBinString: push_string(read<std::int32_t>()); break;
      case kBinInt: push_integer(read<std::int32_t>()); break;
      case kBinInt1: push_integer(read<std::uint8_t>()); break;
      case kBinInt2: push_integer(read<std::uint16_t>()); break;
      case kLong1: push_long(read<std::uint8_t>()); break;
      case kLong4: push_long(read<std::int32_t>()); break;
      case kBinFloat:
        cursor_.take(8, "a pickle");
        push({.kind = Kind::kFloat});
        break;
      case kNewTrue: push({.kind = Kind::kBool, .number = 1}); break;
      case kNewFalse: push({.kind = Kind::kBool}); break;
      case kNone: push({}); break;
      case kGlobal: push_global(); break;
      case kReduce:
      case kNewObj: call(); break;
      case kEmptySet: push({.kind = Kind::kObject, .text = "builtins set"}); break;
      case kAddItems: add_items(); break;
      case kBinPersId: push(calls_.persistent(value(pop(1)[0]))); break;
      case kBuild: build(); break;
      case kBinPut: put(read<std::uint8_t>()); break;
      case kLongBinPut: put(read<std::uint32_t>()); break;
      case kBinGet: get(read<std::uint8_t>()); break;
      case kLongBinGet: get(read<std::uint32_t>()); break;
      case kStop: return false;
      default:
        fail(ErrorCode::kBadModel,
             "{}: the pickle has opcode 0x{:02x} at byte {}, which no state dict of weights needs",
             file(), opcode, cursor_.position() - 1);
    }
    return true;
  }

  void check_protocol(std::uint8_t version) const {
    CHECK_AS(kBadModel, version == 2 || version == 3, "{}: pickle protocol {}, expected 2", file(),
             version);
  }

  void mark() {
    CHECK_AS(kBadModel, marks_.size() < kMaxDepth, "{}: the pickle nests deeper than {}", file(),
             kMaxDepth);
    marks_.push_back(stack_.size());
  }

  // A copy: values move when others are added.
  PickleValue value(PickleId id) const { return pickle_.values[id]; }

  void push(const PickleValue& value) {
    CHECK_AS(kBadModel, pickle_.values.size() < kMaxValues,
             "{}: the pickle has more than {} values", file(), kMaxValues);
    stack_.push_back(static_cast<PickleId>(pickle_.values.size()));
    pickle_.values.push_back(value);
  }

  void push_integer(std::int64_t number) { push({.kind = Kind::kInteger, .number = number}); }

  void push_string(CheckedSize bytes) {
    CHECK_AS(kBadModel, bytes.at_most(kMaxStringBytes),
             "{}: the pickle has a string of more than {} bytes", file(), kMaxStringBytes);
    push({.kind = Kind::kString, .text = cursor_.take_text(bytes, "a string of a pickle")});
  }

  // Two's complement, little-endian, of any length in the format. What does not fit 64 bits (a
  // random generator's state) is no extent of a tensor.
  void push_long(CheckedSize length) {
    CHECK_AS(kBadModel, length.at_most(kMaxStringBytes),
             "{}: the pickle has an integer of {} bytes", file(), length.value());
    if (!length.at_most(8)) {
      cursor_.take(length, "an integer of a pickle");
      push({.kind = Kind::kObject, .text = "a large integer"});
      return;
    }
    const auto num_bytes = static_cast<unsigned>(length.value());
    std::uint64_t bits = 0;
    for (unsigned i = 0; i < num_bytes; ++i) {
      bits |= static_cast<std::uint64_t>(read<std::uint8_t>()) << (8 * i);
    }
    const bool negative = num_bytes > 0 && num_bytes < 8 && (bits >> (8 * num_bytes - 1)) != 0;
    if (negative) bits |= ~std::uint64_t{0} << (8 * num_bytes);
    push_integer(static_cast<std::int64_t>(bits));
  }

  std::string_view read_line() {
    ByteCursor ahead = cursor_;
    std::size_t length = 0;
    while (ahead.read<char>("the name of a global") != '\n') ++length;
    CHECK_AS(kBadModel, length <= kMaxStringBytes, "{}: a global's name of {} bytes", file(),
             length);
    const std::string_view line = cursor_.take_text(length, "a pickle");
    cursor_.take(1, "a pickle");
    return line;
  }

  void push_global() {
    const std::string_view module = read_line(), name = read_line();
    push(calls_.global(module, name));
  }

  std::vector<PickleId> pop(std::size_t count) {
    const std::size_t floor = marks_.empty() ? 0 : marks_.back();
    CHECK_AS(kBadModel, stack_.size() >= floor + count,
             "{}: the pickle's stack runs empty at byte {}", file(), cursor_.position());
    std::vector<PickleId> popped(stack_.end() - static_cast<std::ptrdiff_t>(count), stack_.end());
    stack_.resize(stack_.size() - count);
    return popped;
  }

  std::vector<PickleId> pop_to_mark() {
    CHECK_AS(kBadModel, !marks_.empty(), "{}: the pickle misses a mark at byte {}", file(),
             cursor_.position());
    std::vector<PickleId> popped = pop(stack_.size() - marks_.back());
    marks_.pop_back();
    return popped;
  }

  PickleId top(std::string_view what) const {
    const std::size_t floor = marks_.empty() ? 0 : marks_.back();
    CHECK_AS(kBadModel, stack_.size() > floor, "{}: the pickle's stack runs empty at {}", file(),
             what);
    return stack_.back();
  }

  void push_container(Kind kind, std::vector<PickleId> items) {
    PickleValue container{.kind = kind, .items = static_cast<std::uint32_t>(pickle_.items.size())};
    budget_.spend(items.size(), sizeof(PickleId));
    for (const PickleId item : items) deepen(container, item);
    pickle_.items.push_back(std::move(items));
    push(container);
  }

  void deepen(PickleValue& container, PickleId item) const {
    const std::uint8_t inside = pickle_.values[item].depth;
    CHECK_AS(kBadModel, inside < kMaxDepth, "{}: the pickle nests deeper than {}", file(),
             kMaxDepth);
    container.depth = std::max<std::uint8_t>(container.depth, inside + 1);
  }

  void append(const std::vector<PickleId>& added) { extend(top("APPEND"), Kind::kList, added); }

  void set_items(const std::vector<PickleId>& added) {
    CHECK_AS(kBadModel, added.size() % 2 == 0, "{}: the pickle sets a key without a value", file());
    extend(top("SETITEMS"), Kind::kDict, added);
  }

  // Sets are objects, whose items nobody needs.
  void add_items() {
    pop_to_mark();
    const Kind kind = pickle_[top("ADDITEMS")].kind;
    CHECK_AS(kBadModel, kind == Kind::kObject, "{}: the pickle adds to {} as if to a set", file(),
             to_string(kind));
  }

  void extend(PickleId id, Kind kind, const std::vector<PickleId>& added) {
    PickleValue& container = pickle_.values[id];
    if (container.kind == Kind::kObject) return;
    const Kind found = container.kind == Kind::kOrderedDict ? Kind::kDict : container.kind;
    CHECK_AS(kBadModel, found == kind, "{}: the pickle adds to {} as if to {}", file(),
             to_string(container.kind), to_string(kind));
    for (const PickleId item : added) {
      CHECK_AS(kBadModel, pickle_[item].kind != Kind::kGlobal,
               "{}: the pickle holds the class {} as data", file(), pickle_[item].text);
      deepen(container, item);
    }
    budget_.spend(added.size(), sizeof(PickleId));
    std::vector<PickleId>& items = pickle_.items[container.items];
    items.insert(items.end(), added.begin(), added.end());
  }

  // A call, or an object of a class and the arguments of its __new__: the same for data.
  void call() {
    const std::vector<PickleId> popped = pop(2);
    push(calls_.call(value(popped[0]), value(popped[1])));
  }

  // State dicts carry version numbers in an attribute, which nobody needs here.
  void build() {
    const PickleValue state = value(pop(1)[0]);
    const PickleValue object = value(top("BUILD"));
    if (object.kind == Kind::kObject) return;
    bool metadata = object.kind == Kind::kOrderedDict && state.kind == Kind::kDict;
    if (metadata) {
      const std::vector<PickleId>& items = pickle_.items_of(state);
      std::size_t& checked = attributes_checked_[state.items];
      for (; metadata && checked < items.size(); checked += 2) {
        metadata = pickle_[items[checked]].text == "_metadata";
      }
    }
    CHECK_AS(kBadModel, metadata, "{}: the pickle sets attributes of {}", file(),
             to_string(object.kind));
  }

  void put(std::uint32_t idx) {
    CHECK_AS(kBadModel, idx <= kMaxMemoIdx, "{}: the pickle remembers a value as number {}", file(),
             idx);
    memo_[idx] = top("PUT");
  }

  void get(std::uint32_t idx) {
    const auto found = memo_.find(idx);
    CHECK_AS(kBadModel, found != memo_.end(), "{}: the pickle recalls a value {} that it never had",
             file(), idx);
    CHECK_AS(kBadModel, stack_.size() < kMaxValues, "{}: the pickle's stack exceeds {} values",
             file(), kMaxValues);
    stack_.push_back(found->second);
  }

  ByteCursor& cursor_;
  Pickle pickle_;
  PickleBudget budget_;
  TorchCalls calls_;
  std::vector<PickleId> stack_;
  std::vector<std::size_t> marks_;  // heights of the stack, ascending
  std::unordered_map<std::uint32_t, PickleId> memo_;
  // How many items of a dict, by its index into Pickle::items, are known to be metadata.
  std::unordered_map<std::uint32_t, std::size_t> attributes_checked_;
};

}  // namespace

Pickle read_pickle(ByteCursor& cursor, bool skip_objects) {
  return Machine(cursor, skip_objects).run();
}

std::string_view to_string(PickleValue::Kind kind) {
  switch (kind) {
    case Kind::kNone: return "None";
    case Kind::kBool: return "a truth value";
    case Kind::kInteger: return "an integer";
    case Kind::kFloat: return "a float";
    case Kind::kString: return "a string";
    case Kind::kTuple: return "a tuple";
    case Kind::kList: return "a list";
    case Kind::kDict: return "a dict";
    case Kind::kOrderedDict: return "an OrderedDict";
    case Kind::kGlobal: return "a class or function";
    case Kind::kStorage: return "a storage";
    case Kind::kTensor: return "a tensor";
    case Kind::kObject: return "an object";
  }
  return "a value";
}

}  // namespace nestor
