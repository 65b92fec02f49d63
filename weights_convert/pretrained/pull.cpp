#include "weights_convert/pretrained/pull.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>

#include "engine/check.h"
#include "engine/digest.h"
#include "engine/weights/weight_file.h"
#include "graphs/zoo.h"
#include "weights_convert/convert.h"
#include "weights_convert/pretrained/download.h"
#include "weights_convert/pretrained/hub.h"
#include "weights_convert/pretrained/payload.h"
#include "weights_convert/pretrained/plain_file.h"
#include "weights_convert/pretrained/record.h"

namespace nestor {

namespace {

namespace fs = std::filesystem;

// GluonCV's files travel as <name>.zip.
std::string file_on_server(const OfficialFile& file) {
  if (!file.file.ends_with(".params")) return file.file;
  return file.file.substr(0, file.file.rfind('.')) + ".zip";
}

std::string with_slash(std::string url) { return url.ends_with('/') ? url : url + "/"; }

FileLock lock(const OfficialFile& file, const WeightCache& cache, const Note& note) {
  return cache.lock(file, [&] {
    note(fmt::format("{}: waiting for another process that works on it", file.name));
  });
}

// Whether the file is there and `is_good` says so; a warning if it is there and does not.
template <class Check>
bool usable(const fs::path& path, const Note& note, const Check& is_good) {
  try {
    if (is_good()) return true;
    note(fmt::format("warning: {} is damaged or another file, and not used", path.string()));
  } catch (const std::exception& error) {  // another user's cache, perhaps
    note(fmt::format("warning: {}; not used", error.what()));
  }
  return false;
}

// The published file, or the hub's, where it lies on this machine; empty if neither does. What
// bears its name but not its hash is left alone, except in our own cache, where it is replaced.
fs::path find_original(const OfficialFile& file, const WeightCache& cache, const Note& note) {
  for (const fs::path& path : cache.originals(file)) {
    const auto is_good = [&] { return has_digest(MappedFile::open(path).bytes(), file); };
    if (usable(path, note, is_good)) return path;
  }
  const fs::path own = cache.from_hub(file);
  if (is_plain_file(own) && usable(own, note, [&] { return is_as_recorded(own); })) return own;
  for (const HubFile& cached : hub_cached(file)) {
    const auto is_good = [&] {
      return sha256_hex(MappedFile::open(cached.path).bytes()) == cached.sha256;
    };
    if (usable(cached.path, note, is_good)) return cached.path;
  }
  return {};
}

// How a file is fetched, from whichever address.
struct Fetch {
  const OfficialFile& file;
  const WeightCache& cache;
  const PretrainedOptions& options;
  std::chrono::steady_clock::time_point deadline;

  Transfer transfer(const std::string& url, const fs::path& partial) const {
    return {.url = url,
            .file = partial,
            .what = "downloading " + file.name,
            .timeout_seconds = options.timeout_seconds,
            .retries = options.retries,
            .progress = options.progress,
            .deadline = deadline};
  }
};

// Downloads and verifies; the partial file does not outlive a wrong hash.
fs::path fetch_from(const std::string& url, const Fetch& fetch) {
  const auto& [file, cache, options, deadline] = fetch;
  const fs::path partial = cache.partial(file);
  const Transfer transfer = fetch.transfer(url, partial);
  const fs::path verified = cache.folder() / "work" / file.file;
  for (bool again = false;; again = true) {
    const bool pieced = download(transfer).pieced;
    try {
      unpack(partial, file, verified, Unpack::kTake);
      break;
    } catch (const Error& error) {
      // A full disk included: it is not helped by the archive that lies on it.
      fs::remove(partial);
      if (error.code() != ErrorCode::kBadModel) {
        fail(error.code(), "{}; nothing was kept: {}", error.what(), kDiskHint);
      }
      // The beginning may have come from another server, or the file have changed meanwhile.
      if (!pieced || again) {
        fail(ErrorCode::kBadModel, "{}: what arrived is wrong, nothing was kept: {}", url,
             error.what());
      }
    }
  }
  fs::rename(verified, cache.original(file));
  fs::remove(partial);
  return cache.original(file);
}

// The same from the hub, which tells the digest itself.
fs::path fetch_from_hub(const std::string& url, const Fetch& fetch) {
  const fs::path target = fetch.cache.from_hub(fetch.file);
  const fs::path partial = fetch.cache.folder() / "work" / (target.filename().string() + ".part");
  for (bool again = false;; again = true) {
    const Downloaded arrived = download(fetch.transfer(url, partial));
    const Record record = record_of(partial);
    if (record.sha256 == arrived.sha256) {
      write_record(record_path(target), record);
      fs::rename(partial, target);
      return target;
    }
    fs::remove(partial);
    CHECK_AS(kBadModel, !arrived.sha256.empty(),
             "{}: the server does not tell the file's SHA-256 (X-Linked-ETag), nothing was kept",
             url);
    CHECK_AS(
        kBadModel, arrived.pieced && !again,
        "{}: what arrived is wrong, nothing was kept: {} bytes with the SHA-256 {}, expected {}",
        url, record.bytes, record.sha256, arrived.sha256);
  }
}

std::string without_network(const OfficialFile& file, const WeightCache& cache) {
  return fmt::format(
      "\n  With a file from elsewhere: nestor-weights import FILE, or put it at {}"
      "\n  From a mirror: --base-url URL. Without any network: bash apps/demo.sh shows a demo "
      "model",
      cache.original(file).string());
}

fs::path fetch(const OfficialFile& file, const WeightCache& cache, const PretrainedOptions& options,
               const Note& note) {
  std::vector<std::string> urls = urls_of(file, options.base_url);
  const std::string hub =
      is_on_hub(file) && options.base_url.empty() ? hub_url(file) : std::string();
  if (!hub.empty()) urls.push_back(hub);
  CHECK(!options.offline,
        "{} is not on this machine, and --offline was given; it would come from {}{}", file.name,
        fmt::join(urls, " or "), without_network(file, cache));
  CHECK_AS(kBadInput, !urls.empty(), "{}: the list has no address for it", file.name);
  std::string reasons;
  ErrorCode code = ErrorCode::kInternal;
  const Fetch fetch{
      file, cache, options,
      std::chrono::steady_clock::now() + std::chrono::seconds(options.time_limit_seconds)};
  for (const std::string& url : urls) {
    try {
      note(fmt::format("{}: downloading {}", file.name, url));
      return url == hub ? fetch_from_hub(url, fetch) : fetch_from(url, fetch);
    } catch (const TransferError& error) {
      reasons += fmt::format("\n  {}", error.what());
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kBadModel) throw;
      reasons += fmt::format("\n  {}", error.what());
      code = ErrorCode::kBadModel;
    }
  }
  fail(code, "{} cannot be downloaded:{}{}", file.name, reasons, without_network(file, cache));
}

fs::path pull_locked(const OfficialFile& file, const WeightCache& cache,
                     const PretrainedOptions& options, const Note& note) {
  if (const fs::path path = find_original(file, cache, note); !path.empty()) return path;
  return fetch(file, cache, options, note);
}

void convert_locked(const fs::path& original, const OfficialFile& file, const WeightCache& cache) {
  const fs::path unfinished = cache.unfinished(file);
  ConversionOptions conversion;
  conversion.network = file.network;
  conversion.num_classes = file.num_classes;
  conversion.source = file.source;
  conversion.preprocess = file.preprocess;
  try {
    convert(original, unfinished, conversion);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kInternal) throw;
    fail(error.code(), "{}: {}", error.what(), kDiskHint);
  }
  // First the record: a model never lies there without the one that is its own.
  write_record(record_path(cache.model(file)), record_of(unfinished));
  fs::rename(unfinished, cache.model(file));
}

}  // namespace

std::vector<std::string> urls_of(const OfficialFile& file, const std::string& base_url) {
  if (!base_url.empty()) return {with_slash(base_url) + file_on_server(file)};
  std::vector<std::string> urls, of_dead_hosts;
  for (const OfficialAddress& address : file.addresses) {
    const char* const host =
        address.environment.empty() ? nullptr : std::getenv(address.environment.c_str());
    const bool other_host = host != nullptr && *host != '\0';
    std::vector<std::string>& list = address.reported_dead && !other_host ? of_dead_hosts : urls;
    list.push_back((other_host ? with_slash(host) : address.host_url) + address.path);
  }
  urls.insert(urls.end(), of_dead_hosts.begin(), of_dead_hosts.end());
  return urls;
}

fs::path pull_original(const OfficialFile& file, const WeightCache& cache,
                       const PretrainedOptions& options, const Note& note) {
  // No lock, which a read-only cache could not give, where the file is there.
  const Note silent = [](const std::string&) {};
  if (const fs::path path = find_original(file, cache, silent); !path.empty()) return path;
  const FileLock held = lock(file, cache, note);
  return pull_locked(file, cache, options, note);
}

fs::path pull_model(const OfficialFile& file, const WeightCache& cache,
                    const PretrainedOptions& options, const Note& note) {
  CHECK_AS(kUnsupported, find_network(file.network) != nullptr,
           "{}: this version of Nestor does not have the network {}", file.name, file.network);
  if (cache.has_intact_model(file)) return cache.model(file);
  const FileLock held = lock(file, cache, note);
  if (cache.has_intact_model(file)) return cache.model(file);
  if (cache.has_model(file)) {
    note(fmt::format("warning: {} is damaged, and converted anew", cache.model(file).string()));
  }
  const fs::path original = pull_locked(file, cache, options, note);
  convert_locked(original, file, cache);
  return cache.model(file);
}

const OfficialFile& import_file(const fs::path& path, std::span<const OfficialFile> files,
                                const WeightCache& cache, const Note& note) {
  const OfficialFile* const file = recognise(path, files);
  CHECK_AS(kBadInput, file != nullptr,
           "{}: not one of the official files: no hash of the list is its own", path.string());
  const FileLock held = lock(*file, cache, note);
  const fs::path verified = cache.folder() / "work" / file->file;
  unpack(path, *file, verified, Unpack::kCopy);
  fs::rename(verified, cache.original(*file));
  return *file;
}

}  // namespace nestor
