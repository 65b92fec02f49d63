#include "weights_convert/pretrained/payload.h"

#include <algorithm>

#include "engine/atomic_file.h"
#include "engine/check.h"
#include "engine/digest.h"
#include "engine/weights/weight_file.h"
#include "weights_convert/readers/archive.h"

namespace nestor {

namespace {

namespace fs = std::filesystem;

using Bytes = std::span<const std::byte>;

std::string_view kind_name(HashKind kind) { return kind == HashKind::kSha1 ? "SHA-1" : "SHA-256"; }

// The bytes of a file, in it or expanded.
struct Payload {
  std::vector<std::byte> expanded;
  Bytes bytes;
};

// What the archive around a .params file holds, which must be that file alone.
Payload only_entry(Bytes archive, const std::string& where) {
  const std::vector<ArchiveEntry> entries = read_archive(archive, where);
  CHECK_AS(kBadModel, entries.size() == 1 && entries[0].name.ends_with(".params"),
           "{}: an archive of {} entries, expected one .params file", where, entries.size());
  if (!entries[0].deflated) {
    check_stored(entries[0], where);
    return {{}, entries[0].data};
  }
  Payload payload{inflate(entries[0], where), {}};
  payload.bytes = payload.expanded;
  return payload;
}

Payload payload_of(Bytes bytes, const OfficialFile& file, const std::string& where) {
  const bool packed = file.file.ends_with(".params") && is_archive(bytes);
  return packed ? only_entry(bytes, where) : Payload{{}, bytes};
}

}  // namespace

std::string digest_hex(Bytes bytes, HashKind kind) {
  return kind == HashKind::kSha1 ? sha1_hex(bytes) : sha256_hex(bytes);
}

bool has_digest(Bytes bytes, const OfficialFile& file) {
  return digest_hex(bytes, file.hash_kind).starts_with(file.hash_prefix);
}

void unpack(const fs::path& arrived, const OfficialFile& file, const fs::path& target, Unpack how) {
  const MappedFile input = MappedFile::open(arrived);
  const Payload payload = payload_of(input.bytes(), file, input.name());
  const std::string digest = digest_hex(payload.bytes, file.hash_kind);
  CHECK_AS(kBadModel, digest.starts_with(file.hash_prefix),
           "{}: {} bytes with the {} {}, expected {}: not the published file", input.name(),
           payload.bytes.size(), kind_name(file.hash_kind), digest, file.hash_prefix);
  const bool as_it_is = payload.bytes.data() == input.bytes().data();
  if (how == Unpack::kTake && as_it_is) return fs::rename(arrived, target);
  AtomicFile output(target);
  output.write(payload.bytes);
  output.commit();
}

const OfficialFile* recognise(const fs::path& path, std::span<const OfficialFile> files) {
  const MappedFile input = MappedFile::open(path);
  const auto find = [files](HashKind kind, Bytes bytes) -> const OfficialFile* {
    const std::string digest = digest_hex(bytes, kind);
    const auto found = std::ranges::find_if(files, [&](const OfficialFile& file) {
      return file.hash_kind == kind && digest.starts_with(file.hash_prefix);
    });
    return found == files.end() ? nullptr : &*found;
  };
  for (const HashKind kind : {HashKind::kSha256, HashKind::kSha1}) {
    if (const OfficialFile* file = find(kind, input.bytes())) return file;
  }
  if (!is_archive(input.bytes())) return nullptr;
  try {
    return find(HashKind::kSha1, only_entry(input.bytes(), input.name()).bytes);
  } catch (const Error&) {
    return nullptr;  // some other archive
  }
}

}  // namespace nestor
