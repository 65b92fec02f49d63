#include "weights_convert/pretrained/pull.h"

#include <fmt/ranges.h>

#include <cstdlib>

#include "engine/check.h"
#include "engine/digest.h"
#include "engine/weights/weight_file.h"
#include "graphs/zoo.h"
#include "weights_convert/convert.h"
#include "weights_convert/pretrained/download.h"
#include "weights_convert/pretrained/payload.h"

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

// The published file where it lies on this machine; empty where it does not. What bears its name
// but not its hash is left alone, except in our own cache, where it is replaced.
fs::path find_original(const OfficialFile& file, const WeightCache& cache, const Note& note) {
  for (const fs::path& path : cache.originals(file)) {
    try {
      if (has_digest(MappedFile::open(path).bytes(), file)) return path;
      note(fmt::format("warning: {} is damaged or another file, and not used", path.string()));
    } catch (const Error& error) {  // another user's cache, perhaps
      note(fmt::format("warning: {}; not used", error.what()));
    }
  }
  return {};
}

// Downloads and verifies; the partial file does not outlive a wrong hash.
void fetch_from(const std::string& url, const OfficialFile& file, const WeightCache& cache,
                const PretrainedOptions& options) {
  const fs::path partial = cache.partial(file);
  const Transfer transfer{.url = url,
                          .file = partial,
                          .what = "downloading " + file.name,
                          .timeout_seconds = options.timeout_seconds,
                          .retries = options.retries,
                          .progress = options.progress};
  const fs::path verified = cache.folder() / "work" / file.file;
  for (bool again = false;; again = true) {
    const bool pieced = download(transfer);
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
}

std::string without_network(const OfficialFile& file, const WeightCache& cache) {
  return fmt::format(
      "\n  With a file from elsewhere: nestor-weights import FILE, or put it at {}"
      "\n  From a mirror: --base-url URL. Without any network: bash apps/demo.sh shows a demo "
      "model",
      cache.original(file).string());
}

void fetch(const OfficialFile& file, const WeightCache& cache, const PretrainedOptions& options,
           const Note& note) {
  const std::vector<std::string> urls = urls_of(file, options.base_url);
  CHECK(!options.offline,
        "{} is not on this machine, and --offline was given; it would come from {}{}", file.name,
        fmt::join(urls, " or "), without_network(file, cache));
  CHECK_AS(kBadInput, !urls.empty(), "{}: the list has no address for it", file.name);
  std::string reasons;
  ErrorCode code = ErrorCode::kInternal;
  for (const std::string& url : urls) {
    try {
      note(fmt::format("{}: downloading {}", file.name, url));
      return fetch_from(url, file, cache, options);
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
  fetch(file, cache, options, note);
  return cache.original(file);
}

void convert_locked(const fs::path& original, const OfficialFile& file, const WeightCache& cache) {
  const fs::path unfinished = cache.unfinished(file);
  ConversionOptions conversion;
  conversion.network = file.network;
  conversion.source = file.source;
  conversion.preprocess = file.preprocess;
  try {
    convert(original, unfinished, conversion);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kInternal) throw;
    fail(error.code(), "{}: {}", error.what(), kDiskHint);
  }
  // First the digest: a model never lies there without the one that is its own.
  AtomicFile digest(cache.model_digest(file));
  digest.write(sha256_hex(MappedFile::open(unfinished).bytes()) + "\n");
  digest.commit();
  fs::rename(unfinished, cache.model(file));
}

}  // namespace

std::vector<std::string> urls_of(const OfficialFile& file, const std::string& base_url) {
  if (!base_url.empty()) return {with_slash(base_url) + file_on_server(file)};
  std::vector<std::string> urls;
  for (const OfficialAddress& address : file.addresses) {
    const char* const host =
        address.environment.empty() ? nullptr : std::getenv(address.environment.c_str());
    const bool other_host = host != nullptr && *host != '\0';
    urls.push_back((other_host ? with_slash(host) : address.host_url) + address.path);
  }
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
  if (cache.has_model(file)) return cache.model(file);
  const FileLock held = lock(file, cache, note);
  if (cache.has_model(file)) return cache.model(file);
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
