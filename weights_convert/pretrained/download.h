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
  std::string url;  // https://, or http:// where the list or the user says so
  std::filesystem::path file;
  std::string what;  // as `progress` calls it
  int timeout_seconds = 30;
  int retries = 4;
  ProgressFactory progress = {};  // empty: nothing is shown
};

// Downloads to `file`, going on where an earlier attempt stopped if the server can do that. Returns
// whether the result is pieced together from several answers: only a hash tells whether they fit.
//
// TLS is verified (SSL_CERT_FILE names other certificates than the system's). At most five
// redirects are followed, from https to https only. Failures that may pass are tried again, after
// 0.5, 1, 2, ... seconds. Proxies are those of the usual environment variables. Throws
// TransferError, `file` keeping what has arrived; kInternal where the disk refuses, `file` being
// removed.
bool download(const Transfer& transfer);

// How long to wait after so many failures without progress, at least one: twice as long each time,
// as long as the server asks for where that is longer, and never longer than half a minute.
std::chrono::milliseconds retry_wait(int failures, std::int64_t asked_seconds);

}  // namespace nestor
