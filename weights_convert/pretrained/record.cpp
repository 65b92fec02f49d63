#include "weights_convert/pretrained/record.h"

#include <fmt/format.h>

#include <chrono>
#include <sstream>

#include "engine/atomic_file.h"
#include "engine/digest.h"
#include "engine/weights/weight_file.h"
#include "nestor/error.h"
#include "weights_convert/pretrained/plain_file.h"

namespace nestor {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kSha256Digits = 64, kMostRecordBytes = 200;

std::int64_t modified_ns(const fs::path& file) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             fs::last_write_time(file).time_since_epoch())
      .count();
}

}  // namespace

fs::path record_path(const fs::path& file) { return fs::path(file) += ".sha256"; }

Record record_of(const fs::path& file) {
  // The date first: a change while the file is read shows later.
  const std::int64_t modified = modified_ns(file);
  const MappedFile contents = MappedFile::open(file);
  return {sha256_hex(contents.bytes()), contents.bytes().size(), modified};
}

void write_record(const fs::path& path, const Record& record) {
  AtomicFile file(path);
  file.write(fmt::format("{} {} {}\n", record.sha256, record.bytes, record.modified_ns));
  file.commit();
}

std::optional<Record> read_record(const fs::path& path) {
  if (!is_plain_file(path) || fs::file_size(path) > kMostRecordBytes) return {};
  const MappedFile file = MappedFile::open(path);
  std::istringstream text(
      std::string(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()));
  Record record;
  text >> record.sha256;
  if (record.sha256.size() != kSha256Digits) return {};
  text >> record.bytes >> record.modified_ns;
  return record;
}

bool is_as_recorded(const fs::path& file) {
  const std::optional<Record> record = read_record(record_path(file));
  if (!record) return false;
  if (record->bytes == fs::file_size(file) && record->modified_ns == modified_ns(file)) return true;
  const Record now = record_of(file);
  if (now.sha256 != record->sha256) return false;
  try {
    write_record(record_path(file), now);
  } catch (const Error&) {  // of a cache that is only read
  }
  return true;
}

}  // namespace nestor
