#pragma once
// Files from the network, by libcurl.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>

#include "nestor/error.h"
#include "weights_convert/pretrained/options.h"

namespace nestor {

// The network's or the server's fault, as opposed to this machine's.
class TransferError : public Error {
 public:
  explicit TransferError(const std::string& message) : Error(ErrorCode::kInternal, message) {}
};

struct Transfer {
  std::string url;  // https://, or http:// if the list or the user says so
  std::filesystem::path file;
  std::string what;          // as `progress` calls it
  int timeout_seconds = 30;  // with less than kLeastBytesPerSecond
  int retries = 4;
  ProgressFactory progress = {};  // empty: nothing is shown
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
};

// What a server must send for its connection to be kept.
inline constexpr std::int64_t kLeastBytesPerSecond = 4096;

struct Downloaded {
  // Pieced together from several answers: only a hash tells whether they fit.
  bool pieced = false;
  // The file's SHA-256 as the first server that was asked tells it (X-Linked-ETag, of the Hugging
  // Face hub); empty: it does not.
  std::string sha256;
};

// Downloads to `file`, going on where an earlier attempt stopped if the server can do that.
//
// TLS is verified (SSL_CERT_FILE names other certificates than the system's). At most five
// redirects are followed, from https to https only. Failures that may pass are tried again, after
// 0.5, 1, 2, ... seconds; if the file grew beyond all earlier attempts by a good piece, they are
// forgiven, but not those that began anew. Proxies are those of the usual environment variables.
// Throws TransferError, `file` keeping what has arrived; kInternal if the disk refuses, `file`
// being removed, or if `file` is no plain file (a symbolic link, a FIFO), it being left alone.
Downloaded download(const Transfer& transfer);

// How long to wait after so many failures without progress, at least one: twice as long each time,
// as long as the server asks for if that is longer, and never longer than half a minute.
std::chrono::milliseconds retry_wait(int failures, std::int64_t asked_seconds);

}  // namespace nestor
