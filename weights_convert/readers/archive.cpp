// [local header, data]... | central directory | [zip64 end record, its locator] | end record
//
// Every number below is the file's claim. The end record leads to the directory, the directory's
// entries to the local headers, and the data follow those.

#include "weights_convert/readers/archive.h"

#include <zlib.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <set>

#include "engine/check.h"
#include "engine/checked.h"
#include "engine/utf8.h"
#include "weights_convert/readers/byte_cursor.h"

namespace nestor {

namespace {

constexpr std::uint32_t kLocalMagic = 0x04034B50, kEntryMagic = 0x02014B50, kEndMagic = 0x06054B50;
constexpr std::uint32_t kEnd64Magic = 0x06064B50, kLocatorMagic = 0x07064B50;
constexpr std::size_t kEndBytes = 22, kLocatorBytes = 20, kEnd64Bytes = 56, kEntryBytes = 46;
constexpr std::size_t kMaxCommentBytes = 0xFFFF;
constexpr std::uint16_t kEncrypted = 1, kZip64Field = 1, kStored = 0, kDeflated = 8;

// Weights of a trained network shrink to about nine tenths; a file of zeros may do better.
constexpr std::uint64_t kMaxExpansion = 16, kExpansionSlackBytes = 1 << 20;

struct Directory {
  std::uint64_t offset = 0, size_bytes = 0, num_entries = 0;
  std::uint64_t limit = 0;  // where the end records begin: the directory lies before
};

// A field of the end record is either the value itself or, all bits set, "see the zip64 record".
void check_field(std::uint64_t field, std::uint64_t all_ones, std::uint64_t value,
                 const std::string& file) {
  CHECK_AS(kBadModel, field == value || field == all_ones,
           "{}: the archive's two end records disagree: {} and {}", file, field, value);
}

// Whether an end record at that place, with its comment, reaches exactly to the end of the file.
bool is_end_record(std::span<const std::byte> bytes, std::size_t position,
                   const std::string& file) {
  ByteCursor cursor(bytes, file, position);
  if (cursor.read<std::uint32_t>("the end record") != kEndMagic) return false;
  cursor.take(16, "the end record");
  return cursor.read<std::uint16_t>("the end record") == cursor.remaining();
}

// Readers look for the end record in different ways. A file in which they could find different ones
// is two archives in one: which of them was checked would be a matter of luck.
std::size_t find_end_record(std::span<const std::byte> bytes, const std::string& file) {
  std::optional<std::size_t> found;
  for (std::size_t comment = 0; comment <= kMaxCommentBytes; ++comment) {
    if (bytes.size() < kEndBytes + comment) break;
    const std::size_t position = bytes.size() - kEndBytes - comment;
    if (!is_end_record(bytes, position, file)) continue;
    CHECK_AS(kBadModel, !found, "{}: an archive with two end records, at bytes {} and {}", file,
             position, *found);
    found = position;
  }
  CHECK_AS(kBadModel, found, "{}: an archive without an end record: cut short or damaged", file);
  const std::string_view comment(reinterpret_cast<const char*>(bytes.data()) + *found + kEndBytes,
                                 bytes.size() - *found - kEndBytes);
  CHECK_AS(kBadModel, comment.find("PK\x05\x06") == std::string_view::npos,
           "{}: an archive with another one's end record in its comment", file);
  return *found;
}

Directory read_end64(std::span<const std::byte> bytes, std::size_t locator_position,
                     const std::string& file) {
  const std::string_view what = "the zip64 end record";
  ByteCursor locator(bytes, file, locator_position + 4);
  const auto disk = locator.read<std::uint32_t>(what);
  const auto position = locator.read<std::uint64_t>(what);
  const auto num_disks = locator.read<std::uint32_t>(what);
  CHECK_AS(kBadModel, disk == 0 && num_disks <= 1, "{}: an archive of several disks", file);
  CHECK_AS(kBadModel, (CheckedSize(position) + kEnd64Bytes).at_most(locator_position),
           "{}: the zip64 end record lies at byte {}, beyond its locator", file, position);
  ByteCursor cursor(bytes, file, position);
  CHECK_AS(kBadModel, cursor.read<std::uint32_t>(what) == kEnd64Magic,
           "{}: no zip64 end record at byte {}", file, position);
  const CheckedSize rest = cursor.read<std::uint64_t>(what);  // of the record
  CHECK_AS(kBadModel, (rest + position + 12).equals(locator_position),
           "{}: the zip64 end record at byte {} does not end at its locator", file, position);
  cursor.take(4, what);  // the writer's versions
  const auto this_disk = cursor.read<std::uint32_t>(what);
  const auto directory_disk = cursor.read<std::uint32_t>(what);
  Directory directory{.limit = position};
  const auto num_here = cursor.read<std::uint64_t>(what);
  directory.num_entries = cursor.read<std::uint64_t>(what);
  directory.size_bytes = cursor.read<std::uint64_t>(what);
  directory.offset = cursor.read<std::uint64_t>(what);
  CHECK_AS(kBadModel, this_disk == 0 && directory_disk == 0 && num_here == directory.num_entries,
           "{}: an archive of several disks", file);
  return directory;
}

Directory find_directory(std::span<const std::byte> bytes, const std::string& file) {
  const std::string_view what = "the end record";
  const std::size_t end = find_end_record(bytes, file);
  ByteCursor cursor(bytes, file, end + 4);
  const auto this_disk = cursor.read<std::uint16_t>(what);
  const auto directory_disk = cursor.read<std::uint16_t>(what);
  const auto num_here = cursor.read<std::uint16_t>(what);
  const auto num_entries = cursor.read<std::uint16_t>(what);
  const auto size_bytes = cursor.read<std::uint32_t>(what);
  const auto offset = cursor.read<std::uint32_t>(what);

  Directory directory{offset, size_bytes, num_entries, end};
  if (end >= kLocatorBytes &&
      ByteCursor(bytes, file, end - kLocatorBytes).read<std::uint32_t>(what) == kLocatorMagic) {
    directory = read_end64(bytes, end - kLocatorBytes, file);
  }
  check_field(num_entries, 0xFFFF, directory.num_entries, file);
  check_field(size_bytes, 0xFFFFFFFF, directory.size_bytes, file);
  check_field(offset, 0xFFFFFFFF, directory.offset, file);
  const bool one_disk = (this_disk == 0 || this_disk == 0xFFFF) &&
                        (directory_disk == 0 || directory_disk == 0xFFFF) &&
                        num_here == num_entries;
  CHECK_AS(kBadModel, one_disk, "{}: an archive of several disks", file);
  CHECK_AS(kBadModel,
           (CheckedSize(directory.offset) + directory.size_bytes).equals(directory.limit),
           "{}: a central directory of {} bytes at byte {}, expected to end where its end record "
           "begins, at byte {}",
           file, directory.size_bytes, directory.offset, directory.limit);
  CHECK_AS(kBadModel,
           (CheckedSize(directory.num_entries) * kEntryBytes).at_most(directory.size_bytes),
           "{}: {} entries do not fit a central directory of {} bytes", file, directory.num_entries,
           directory.size_bytes);
  return directory;
}

bool climbs_out(std::string_view name) {
  if (name.starts_with('/') || name.find('\\') != std::string_view::npos) return true;
  if (name.size() > 1 && name[1] == ':') return true;
  while (!name.empty()) {
    const std::size_t slash = name.find('/');
    const std::string_view part = name.substr(0, slash);
    if (part.empty() || part == "." || part == "..") return true;
    if (slash == std::string_view::npos) break;
    name.remove_prefix(slash + 1);
  }
  return false;
}

// One entry of the central directory with the place of its local header.
struct DirectoryEntry {
  ArchiveEntry entry;
  std::uint64_t packed_bytes = 0, local_offset = 0;
  std::uint16_t method = 0;
};

class DirectoryReader {
 public:
  DirectoryReader(std::span<const std::byte> directory, const std::string& file)
      : cursor_(directory, file) {}

  DirectoryEntry read() {
    CHECK_AS(kBadModel, u32() == kEntryMagic, "{}: the central directory is damaged",
             cursor_.file());
    DirectoryEntry found;
    cursor_.take(4, kWhat);  // versions
    const std::uint16_t flags = u16(), method = u16();
    cursor_.take(4, kWhat);  // time and date
    found.entry.checksum = u32();
    found.packed_bytes = u32();
    found.entry.size_bytes = u32();
    const std::uint16_t name_bytes = u16(), extra_bytes = u16(), comment_bytes = u16();
    const std::uint16_t disk = u16();
    cursor_.take(6, kWhat);  // attributes
    found.local_offset = u32();
    found.entry.name = cursor_.take_text(name_bytes, kWhat);
    read_zip64(cursor_.take(extra_bytes, kWhat), found);
    cursor_.take(comment_bytes, kWhat);
    check(found, flags, method, disk);
    return found;
  }

  std::size_t remaining() const { return cursor_.remaining(); }

 private:
  static constexpr std::string_view kWhat = "the central directory";

  std::uint16_t u16() { return cursor_.read<std::uint16_t>(kWhat); }
  std::uint32_t u32() { return cursor_.read<std::uint32_t>(kWhat); }

  // Sizes of 2^32 - 1 stand for the real ones in an extra field, in this order.
  void read_zip64(std::span<const std::byte> extra, DirectoryEntry& found) const {
    ByteCursor fields(extra, cursor_.file());
    while (fields.remaining() >= 4) {
      const auto id = fields.read<std::uint16_t>(kWhat);
      const auto field = fields.take(fields.read<std::uint16_t>(kWhat), kWhat);
      if (id != kZip64Field) continue;
      ByteCursor sizes(field, cursor_.file());
      for (std::uint64_t* size :
           {&found.entry.size_bytes, &found.packed_bytes, &found.local_offset}) {
        if (*size == 0xFFFFFFFF) *size = sizes.read<std::uint64_t>("a zip64 field");
      }
    }
  }

  void check(DirectoryEntry& found, std::uint16_t flags, std::uint16_t method,
             std::uint16_t disk) const {
    const std::string& file = cursor_.file();
    const std::string& name = found.entry.name;
    CHECK_AS(kBadModel, !name.empty() && is_utf8(name) && name.find('\0') == std::string::npos,
             "{}: an entry's name is empty, has a NUL or is not UTF-8: {:?}", file, name);
    CHECK_AS(kBadModel, !climbs_out(name), "{}: entry {:?} would lie outside the archive", file,
             name);
    CHECK_AS(kBadModel, (flags & kEncrypted) == 0, "{}: entry {:?} is encrypted", file, name);
    CHECK_AS(kBadModel, disk == 0 || disk == 0xFFFF, "{}: entry {:?} lies on disk {}", file, name,
             disk);
    CHECK_AS(kBadModel, method == kStored || method == kDeflated,
             "{}: entry {:?} is compressed by method {}, expected none or deflate", file, name,
             method);
    found.method = method;
    found.entry.deflated = method == kDeflated;
    CHECK_AS(kBadModel, found.entry.deflated || found.packed_bytes == found.entry.size_bytes,
             "{}: entry {:?} is stored, but its sizes are {} and {}", file, name,
             found.packed_bytes, found.entry.size_bytes);
  }

  ByteCursor cursor_;
};

// Readers that go from header to header must see what the directory says. A size or checksum of 0
// or all ones stands elsewhere: behind the data, or in an extra field.
void check_local(ByteCursor& cursor, const DirectoryEntry& found, const std::string& what) {
  cursor.take(4, what);  // version and flags
  const auto method = cursor.read<std::uint16_t>(what);
  cursor.take(4, what);  // time and date
  const auto checksum = cursor.read<std::uint32_t>(what);
  const auto packed = cursor.read<std::uint32_t>(what), size = cursor.read<std::uint32_t>(what);
  const auto agrees = [](std::uint32_t local, std::uint64_t listed) {
    return local == 0 || local == 0xFFFFFFFF || local == listed;
  };
  CHECK_AS(kBadModel,
           method == found.method && agrees(checksum, found.entry.checksum) &&
               agrees(packed, found.packed_bytes) && agrees(size, found.entry.size_bytes),
           "{}: {} is another one by the header before its data than by the directory",
           cursor.file(), what);
}

// The local header's own name and extra field decide where the data begin.
std::size_t locate(std::span<const std::byte> before_directory, DirectoryEntry& found,
                   const std::string& file) {
  const std::string what = fmt::format("entry {:?}", found.entry.name);
  CHECK_AS(kBadModel, found.local_offset <= before_directory.size(),
           "{}: {} lies at byte {}, beyond the entries' end at {}", file, what, found.local_offset,
           before_directory.size());
  ByteCursor cursor(before_directory, file, found.local_offset);
  CHECK_AS(kBadModel, cursor.read<std::uint32_t>(what) == kLocalMagic,
           "{}: {} has no header at byte {}", file, what, found.local_offset);
  check_local(cursor, found, what);
  const auto name_bytes = cursor.read<std::uint16_t>(what);
  const auto extra_bytes = cursor.read<std::uint16_t>(what);
  CHECK_AS(kBadModel, cursor.take_text(name_bytes, what) == found.entry.name,
           "{}: {} has another name before its data", file, what);
  cursor.take(extra_bytes, what);
  found.entry.data = cursor.take(found.packed_bytes, what);
  return cursor.position();
}

// Entries that share bytes are how a small archive pretends to be a large one. Entries that the
// directory does not list would be read by those that go from header to header.
void check_disjoint(std::span<const std::byte> before_directory,
                    std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges,
                    const std::string& file) {
  std::ranges::sort(ranges);
  for (std::size_t i = 1; i < ranges.size(); ++i) {
    CHECK_AS(kBadModel, ranges[i - 1].second <= ranges[i].first,
             "{}: the entries at bytes {} and {} overlap", file, ranges[i - 1].first,
             ranges[i].first);
  }
  ranges.emplace_back(before_directory.size(), before_directory.size());
  const std::string_view text(reinterpret_cast<const char*>(before_directory.data()),
                              before_directory.size());
  std::size_t end = 0;
  for (const auto& [begin, next_end] : ranges) {
    const std::size_t hidden = text.substr(end, begin - end).find("PK\x03\x04");
    CHECK_AS(kBadModel, hidden == std::string_view::npos,
             "{}: an entry at byte {} that the directory does not list", file, end + hidden);
    end = next_end;
  }
}

std::uint32_t checksum_of(std::span<const std::byte> data) {
  // The loop keeps lengths within zlib's 32 bits.
  constexpr std::size_t kChunkBytes = 1 << 30;
  uLong crc = 0;
  for (; !data.empty(); data = data.subspan(std::min(data.size(), kChunkBytes))) {
    crc = ::crc32(crc, reinterpret_cast<const Bytef*>(data.data()),
                  static_cast<uInt>(std::min(data.size(), kChunkBytes)));
  }
  return static_cast<std::uint32_t>(crc);
}

void check_checksum(const ArchiveEntry& entry, std::span<const std::byte> contents,
                    const std::string& file) {
  if (entry.checksum == 0) return;
  const std::uint32_t found = checksum_of(contents);
  CHECK_AS(kBadModel, found == entry.checksum,
           "{}: entry {:?} is damaged: its checksum is {:08x}, expected {:08x}", file, entry.name,
           found, entry.checksum);
}

struct Inflater {
  z_stream stream{};
  Inflater() { CHECK(::inflateInit2(&stream, -MAX_WBITS) == Z_OK, "zlib cannot start"); }
  ~Inflater() { ::inflateEnd(&stream); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
};

}  // namespace

bool is_archive(std::span<const std::byte> bytes) {
  // An archive without entries begins with its end record.
  const std::string file;
  if (bytes.size() < 4) return false;
  const auto magic = ByteCursor(bytes, file).read<std::uint32_t>("magic");
  return magic == kLocalMagic || magic == kEndMagic;
}

std::vector<ArchiveEntry> read_archive(std::span<const std::byte> bytes, const std::string& file) {
  const Directory directory = find_directory(bytes, file);
  DirectoryReader reader(bytes.subspan(directory.offset, directory.size_bytes), file);
  std::vector<ArchiveEntry> entries;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges;
  std::set<std::string, std::less<>> names;
  for (std::uint64_t i = 0; i < directory.num_entries; ++i) {
    DirectoryEntry found = reader.read();
    const std::size_t end = locate(bytes.first(directory.offset), found, file);
    ranges.emplace_back(found.local_offset, end);
    CHECK_AS(kBadModel, names.insert(found.entry.name).second, "{}: entry {:?} occurs twice", file,
             found.entry.name);
    entries.push_back(std::move(found.entry));
  }
  CHECK_AS(kBadModel, reader.remaining() == 0,
           "{}: {} bytes after the last entry of the central directory", file, reader.remaining());
  check_disjoint(bytes.first(directory.offset), std::move(ranges), file);
  return entries;
}

void check_stored(const ArchiveEntry& entry, const std::string& file) {
  CHECK_AS(kBadModel, !entry.deflated, "{}: entry {:?} is compressed, expected it as it is", file,
           entry.name);
  check_checksum(entry, entry.data, file);
}

std::vector<std::byte> inflate(const ArchiveEntry& entry, const std::string& file) {
  const CheckedSize limit = CheckedSize(entry.data.size()) * kMaxExpansion + kExpansionSlackBytes;
  CHECK_AS(kBadModel, CheckedSize(entry.size_bytes).at_most(limit.value()),
           "{}: entry {:?} would grow from {} to {} bytes, more than {} times", file, entry.name,
           entry.data.size(), entry.size_bytes, kMaxExpansion);
  std::vector<std::byte> contents(entry.size_bytes);
  Inflater inflater;
  z_stream& stream = inflater.stream;
  std::size_t taken = 0, made = 0;
  int status = Z_OK;
  while (status == Z_OK) {
    constexpr std::size_t kMost = std::numeric_limits<uInt>::max();
    const std::size_t in = std::min(entry.data.size() - taken, kMost);
    const std::size_t out = std::min(contents.size() - made, kMost);
    // zlib does not write to its input, but is not told so by a const.
    stream.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(entry.data.data()) + taken);
    stream.avail_in = static_cast<uInt>(in);
    stream.next_out = reinterpret_cast<Bytef*>(contents.data()) + made;
    stream.avail_out = static_cast<uInt>(out);
    status = ::inflate(&stream, Z_NO_FLUSH);
    taken += in - stream.avail_in;
    made += out - stream.avail_out;
  }
  CHECK_AS(kBadModel,
           status == Z_STREAM_END && made == contents.size() && taken == entry.data.size(),
           "{}: entry {:?} is damaged: {} of its {} bytes could be read", file, entry.name, made,
           contents.size());
  check_checksum(entry, contents, file);
  return contents;
}

}  // namespace nestor
