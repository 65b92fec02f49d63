#pragma once
// How official weights are fetched.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "weights_convert/official_files.h"

namespace nestor {

// Told how a transfer proceeds, by the thread that transfers. This one shows nothing.
class TransferProgress {
 public:
  virtual ~TransferProgress() = default;
  virtual void advance(std::size_t /*bytes*/) {}
  // From now on `done` of `total` bytes are there; a total of 0 is an unknown one.
  virtual void restart(std::size_t /*done*/, std::size_t /*total*/) {}
};

// Makes one for a transfer, which is called `what`.
using ProgressFactory = std::function<std::unique_ptr<TransferProgress>(const std::string& what)>;

struct PretrainedOptions {
  std::string list;      // a file in the form of official_files.json; empty: the compiled-in one
  std::string base_url;  // a mirror that is asked instead of the official hosts
  bool offline = false;
  int timeout_seconds = 30;  // with less than kLeastBytesPerSecond
  int retries = 4;
  int time_limit_seconds = 6 * 3600;  // for a file, from all its addresses together
  ProgressFactory progress = {};      // empty: nothing is shown
};

// The list that the options name.
std::vector<OfficialFile> pretrained_files(const PretrainedOptions& options);

}  // namespace nestor
