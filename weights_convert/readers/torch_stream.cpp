// pickle of a magic number | pickle of 1001 | pickle of {"little_endian": True, ...} | pickle of
// the state dict | pickle of the storages' keys | for each key: i64 number of elements, elements
//
// The state dict's tensors name storages that come later, in an order that only the keys tell.

#include <algorithm>
#include <map>

#include "engine/check.h"
#include "engine/checked.h"
#include "weights_convert/readers/byte_cursor.h"
#include "weights_convert/readers/pickle.h"
#include "weights_convert/readers/state_dict.h"
#include "weights_convert/readers/torch.h"

namespace nestor {

namespace {

using Kind = PickleValue::Kind;

// 0x1950A86A20F9469CFC6C as a pickle of protocol 2: longer than the integers of a state dict.
constexpr std::uint8_t kMagicPickle[] = {0x80, 0x02, 0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46,
                                         0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19, 0x2E};
constexpr std::int64_t kProtocol = 1001;

void check_preamble(ByteCursor& cursor) {
  const std::string& file = cursor.file();
  const auto magic = cursor.take(std::size(kMagicPickle), "the magic number");
  CHECK_AS(kBadModel, std::ranges::equal(magic, std::as_bytes(std::span(kMagicPickle))),
           "{}: a pickle, but not one of torch.save: wrong magic number", file);

  const Pickle protocol = read_pickle(cursor);
  const PickleValue& version = protocol[protocol.top];
  CHECK_AS(kBadModel, version.kind == Kind::kInteger && version.number == kProtocol,
           "{}: protocol {}, expected {}", file, version.number, kProtocol);

  const Pickle system = read_pickle(cursor);
  const PickleValue& facts = system[system.top];
  CHECK_AS(kBadModel, facts.kind == Kind::kDict, "{}: the description of the system is {}", file,
           to_string(facts.kind));
  const std::vector<PickleId>& items = system.items_of(facts);
  for (std::size_t i = 0; i < items.size(); i += 2) {
    if (system[items[i]].text != "little_endian") continue;
    const PickleValue& little = system[items[i + 1]];
    CHECK_AS(kBadModel, little.kind == Kind::kBool && little.number == 1,
             "{}: written on a big-endian machine, which is not supported", file);
  }
}

class StorageReader {
 public:
  StorageReader(const Pickle& object, ByteCursor& cursor) : cursor_(cursor) {
    for (const PickledStorage& storage : object.storages) by_key_.emplace(storage.key, &storage);
  }

  // Reads the list of keys and walks over the storages.
  void read() {
    const Pickle keys = read_pickle(cursor_);
    const std::string& file = cursor_.file();
    CHECK_AS(kBadModel, keys[keys.top].kind == Kind::kList, "{}: the list of storages is {}", file,
             to_string(keys[keys.top].kind));
    for (const PickleId id : keys.items_of(keys[keys.top])) {
      const PickleValue& key = keys[id];
      const auto storage = by_key_.find(key.text);
      CHECK_AS(kBadModel, key.kind == Kind::kString && storage != by_key_.end(),
               "{}: storage {:?} belongs to no tensor", file, key.text);
      CHECK_AS(kBadModel, data_.emplace(key.text, take(*storage->second)).second,
               "{}: storage {:?} occurs twice", file, key.text);
    }
    CHECK_AS(kBadModel, cursor_.remaining() == 0, "{}: {} bytes after the last storage", file,
             cursor_.remaining());
  }

  std::span<const std::byte> find(const PickledStorage& storage) const {
    const auto found = data_.find(storage.key);
    CHECK_AS(kBadModel, found != data_.end(), "{}: storage {:?} is missing", cursor_.file(),
             storage.key);
    return found->second;
  }

 private:
  std::span<const std::byte> take(const PickledStorage& storage) {
    const std::string what = fmt::format("storage {:?}", storage.key);
    const auto num_elements = cursor_.read<std::int64_t>(what);
    CHECK_AS(kBadModel, num_elements == storage.num_elements,
             "{}: {} has {} elements, its tensors expect {}", cursor_.file(), what, num_elements,
             storage.num_elements);
    return cursor_.take(CheckedSize(num_elements) * size_bytes(storage.dtype), what);
  }

  ByteCursor& cursor_;
  std::map<std::string_view, const PickledStorage*> by_key_;
  std::map<std::string_view, std::span<const std::byte>> data_;
};

}  // namespace

bool is_torch_stream(std::span<const std::byte> bytes) {
  const auto magic = std::as_bytes(std::span(kMagicPickle));
  return bytes.size() >= magic.size() && std::ranges::equal(bytes.first(magic.size()), magic);
}

SourceFile read_torch_stream(std::span<const std::byte> bytes, const std::string& file,
                             const ReadOptions& options) {
  ByteCursor cursor(bytes, file);
  check_preamble(cursor);
  const Pickle object = read_pickle(cursor, options.skip_objects);
  StorageReader storages(object, cursor);
  storages.read();
  SourceFile source("pytorch-legacy", bytes, file);
  read_state_dict(
      object, [&](const PickledStorage& storage) { return storages.find(storage); }, bytes.size(),
      options, source);
  return source;
}

}  // namespace nestor
