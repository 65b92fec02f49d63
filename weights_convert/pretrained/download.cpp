#include "weights_convert/pretrained/download.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <thread>

#include "engine/check.h"
#include "nestor/version.h"
#include "weights_convert/pretrained/cache.h"

namespace nestor {

namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxBytes = std::uint64_t{8} << 30;  // no published weights come near
constexpr std::uint64_t kGoodProgressBytes = std::uint64_t{1} << 20;  // forgives earlier failures
constexpr long kMaxRedirects = 5;
constexpr long kStalledBytesPerSecond = 16;
constexpr std::chrono::milliseconds kFirstWait{500}, kLongestWait{30'000};
constexpr long kOk = 200, kPartialContent = 206, kRangeNotSatisfiable = 416;

// The file that grows.
class PartialFile {
 public:
  explicit PartialFile(const fs::path& path)
      : path_(path), descriptor_(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666)) {
    check(descriptor_ >= 0);
    const off_t end = ::lseek(descriptor_, 0, SEEK_END);
    check(end >= 0);
    size_bytes_ = static_cast<std::uint64_t>(end);
  }
  ~PartialFile() { ::close(descriptor_); }
  PartialFile(const PartialFile&) = delete;
  PartialFile& operator=(const PartialFile&) = delete;

  std::uint64_t size_bytes() const { return size_bytes_; }
  bool is_pieced() const { return pieced_; }

  void clear() {
    check(::ftruncate(descriptor_, 0) == 0 && ::lseek(descriptor_, 0, SEEK_SET) == 0);
    size_bytes_ = 0;
    pieced_ = false;
  }

  // What is appended from here on is another answer's.
  void go_on() { pieced_ = pieced_ || size_bytes_ > 0; }

  void finish() { check(::fsync(descriptor_) == 0); }

  // Returns false where the system refuses; errno tells why.
  bool append(const char* data, std::size_t size) {
    while (size > 0) {
      const ssize_t written = ::write(descriptor_, data, size);
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return false;
      data += written;
      size -= static_cast<std::size_t>(written);
      size_bytes_ += static_cast<std::uint64_t>(written);
    }
    return true;
  }

  // A disk that is full is not helped by half a file on it.
  [[noreturn]] void refuse(int error) const {
    std::error_code ignored;
    fs::remove(path_, ignored);
    fail(ErrorCode::kInternal, "{}: cannot write: {}; nothing was kept: {}", path_.string(),
         std::strerror(error), kDiskHint);
  }

 private:
  void check(bool ok) const {
    if (!ok) refuse(errno);
  }

  fs::path path_;
  int descriptor_ = -1;
  std::uint64_t size_bytes_ = 0;
  bool pieced_ = false;
};

struct Curl {
  CURL* handle = curl_easy_init();
  Curl() { CHECK(handle != nullptr, "libcurl cannot start"); }
  ~Curl() { curl_easy_cleanup(handle); }
  Curl(const Curl&) = delete;
  Curl& operator=(const Curl&) = delete;

  template <class Value>
  void set(CURLoption option, Value value) {
    const CURLcode code = curl_easy_setopt(handle, option, value);
    CHECK(code == CURLE_OK, "libcurl: option {}: {}", static_cast<int>(option),
          curl_easy_strerror(code));
  }

  template <class Value>
  Value info(CURLINFO what) const {
    Value value{};
    curl_easy_getinfo(handle, what, &value);
    return value;
  }
};

struct Attempt {
  enum class Result { kDone, kStartOver, kMayPass, kFailed };
  Result result = Result::kFailed;
  std::string reason;
  std::int64_t wait_seconds = 0;  // that the server asks for
};

// One request and what becomes of its answer.
class Request {
 public:
  Request(const Transfer& transfer, PartialFile& file, TransferProgress& progress)
      : transfer_(transfer), file_(file), progress_(progress), offset_(file.size_bytes()) {}

  Attempt run() {
    set_up();
    const CURLcode code = curl_easy_perform(curl_.handle);
    if (write_error_ != 0) file_.refuse(write_error_);
    return judge(code);
  }

 private:
  using Result = Attempt::Result;

  void set_up() {
    const char* const schemes = transfer_.url.starts_with("http://") ? "http,https" : "https";
    curl_.set(CURLOPT_URL, transfer_.url.c_str());
    curl_.set(CURLOPT_PROTOCOLS_STR, schemes);
    curl_.set(CURLOPT_REDIR_PROTOCOLS_STR, schemes);
    curl_.set(CURLOPT_FOLLOWLOCATION, 1L);
    curl_.set(CURLOPT_MAXREDIRS, kMaxRedirects);
    curl_.set(CURLOPT_FAILONERROR, 1L);
    curl_.set(CURLOPT_NOSIGNAL, 1L);
    curl_.set(CURLOPT_CONNECTTIMEOUT, static_cast<long>(transfer_.timeout_seconds));
    curl_.set(CURLOPT_LOW_SPEED_LIMIT, kStalledBytesPerSecond);
    curl_.set(CURLOPT_LOW_SPEED_TIME, static_cast<long>(transfer_.timeout_seconds));
    curl_.set(CURLOPT_USERAGENT, user_agent_.c_str());
    curl_.set(CURLOPT_ERRORBUFFER, error_);
    // OpenSSL's own variable, which libcurl overrules by the place that it was built with.
    if (const char* const certificates = std::getenv("SSL_CERT_FILE")) {
      curl_.set(CURLOPT_CAINFO, certificates);
    }
    // Not CURLOPT_RESUME_FROM: with that a server that sends the whole file is an error.
    if (offset_ > 0) curl_.set(CURLOPT_RANGE, range_.c_str());
    curl_.set(CURLOPT_HEADERFUNCTION, &Request::take_header);
    curl_.set(CURLOPT_HEADERDATA, this);
    curl_.set(CURLOPT_WRITEFUNCTION, &Request::take_body);
    curl_.set(CURLOPT_WRITEDATA, this);
  }

  // "Content-Range: bytes 1000-1999/2000" -> 1000
  static std::size_t take_header(char* data, std::size_t, std::size_t size, void* self) {
    auto& request = *static_cast<Request*>(self);
    std::string line(data, size);
    std::ranges::transform(line, line.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    constexpr std::string_view kName = "content-range:";
    if (line.starts_with("http/")) request.range_start_.reset();  // of a redirect's target
    if (!line.starts_with(kName)) return size;
    const std::size_t digits = line.find_first_of("0123456789", kName.size());
    std::uint64_t start = 0;
    if (digits != std::string::npos &&
        std::from_chars(line.data() + digits, line.data() + line.size(), start).ec == std::errc()) {
      request.range_start_ = start;
    }
    return size;
  }

  static std::size_t take_body(char* data, std::size_t, std::size_t size, void* self) {
    auto& request = *static_cast<Request*>(self);
    return request.take(data, size) ? size : 0;
  }

  bool take(const char* data, std::size_t size) {
    if (!started_ && !start()) return false;
    if (file_.size_bytes() + size > kMaxBytes) {
      refused_ = fmt::format("more than {} bytes", kMaxBytes);
      return false;
    }
    if (!file_.append(data, size)) {
      write_error_ = errno;
      return false;
    }
    progress_.advance(size);
    return true;
  }

  // The first bytes: of the whole file or of the part that was asked for?
  bool start() {
    const long status = curl_.info<long>(CURLINFO_RESPONSE_CODE);
    if (status == kPartialContent) {
      start_over_ = range_start_ != file_.size_bytes();
      if (start_over_) return false;
      file_.go_on();
    } else if (status == kOk) {
      if (file_.size_bytes() > 0) file_.clear();
    } else {
      refused_ = fmt::format("HTTP {}", status);
      return false;
    }
    started_ = true;
    const auto length = curl_.info<curl_off_t>(CURLINFO_CONTENT_LENGTH_DOWNLOAD_T);
    progress_.restart(file_.size_bytes(),
                      length < 0 ? 0 : file_.size_bytes() + static_cast<std::uint64_t>(length));
    return true;
  }

  Attempt judge(CURLcode code) const {
    const long status = curl_.info<long>(CURLINFO_RESPONSE_CODE);
    if (start_over_) return {Result::kStartOver, "the server sent another range", {}};
    if (!refused_.empty()) return {Result::kFailed, refused_, {}};
    if (code == CURLE_OK) {
      if (started_) return {Result::kDone, {}, {}};
      return {Result::kFailed, fmt::format("HTTP {} without content", status), {}};
    }
    if (code == CURLE_HTTP_RETURNED_ERROR) {
      // Nothing lies beyond what there is: the file was complete, or is no part of this one.
      if (status == kRangeNotSatisfiable && offset_ > 0) {
        file_.go_on();
        return {Result::kDone, {}, {}};
      }
      const bool may_pass = status >= 500 || status == 408 || status == 429;
      const auto wait = curl_.info<curl_off_t>(CURLINFO_RETRY_AFTER);
      return {may_pass ? Result::kMayPass : Result::kFailed, fmt::format("HTTP {}", status), wait};
    }
    const std::string reason = error_[0] != '\0' ? error_ : curl_easy_strerror(code);
    if (code == CURLE_UNSUPPORTED_PROTOCOL) {
      return {Result::kFailed, "a redirect from https to something else is refused: " + reason, {}};
    }
    return {passes(code) ? Result::kMayPass : Result::kFailed, reason, {}};
  }

  static bool passes(CURLcode code) {
    constexpr CURLcode kPassing[] = {
        CURLE_COULDNT_CONNECT, CURLE_OPERATION_TIMEDOUT, CURLE_PARTIAL_FILE,
        CURLE_RECV_ERROR,      CURLE_SEND_ERROR,         CURLE_GOT_NOTHING,
        CURLE_HTTP2,           CURLE_HTTP2_STREAM,       CURLE_SSL_CONNECT_ERROR};
    return std::ranges::find(kPassing, code) != std::end(kPassing);
  }

  const Transfer& transfer_;
  PartialFile& file_;
  TransferProgress& progress_;
  const std::uint64_t offset_;
  const std::string range_ = fmt::format("{}-", offset_);
  const std::string user_agent_ = fmt::format("nestor/{}", version_info().version);
  Curl curl_;
  char error_[CURL_ERROR_SIZE] = {};
  std::optional<std::uint64_t> range_start_;
  bool started_ = false, start_over_ = false;
  int write_error_ = 0;
  std::string refused_;
};

}  // namespace

std::chrono::milliseconds retry_wait(int failures, std::int64_t asked_seconds) {
  // Clamped before it is multiplied: both numbers may be anything.
  constexpr std::int64_t kLongestSeconds = kLongestWait / std::chrono::seconds(1);
  const std::chrono::seconds asked(std::clamp<std::int64_t>(asked_seconds, 0, kLongestSeconds));
  std::chrono::milliseconds wait = kFirstWait;
  for (int i = 1; i < failures && wait < kLongestWait; ++i) wait *= 2;
  return std::clamp<std::chrono::milliseconds>(asked, std::min(wait, kLongestWait), kLongestWait);
}

bool download(const Transfer& transfer) {
  static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
  CHECK(ready == CURLE_OK, "libcurl cannot start: {}", curl_easy_strerror(ready));
  PartialFile file(transfer.file);
  const std::unique_ptr<TransferProgress> progress =
      transfer.progress ? transfer.progress(transfer.what) : std::make_unique<TransferProgress>();
  for (int failures = 0;;) {
    const std::uint64_t before = file.size_bytes();
    const Attempt attempt = Request(transfer, file, *progress).run();
    if (attempt.result == Attempt::Result::kDone) {
      file.finish();
      return file.is_pieced();
    }
    if (attempt.result == Attempt::Result::kStartOver && before > 0) {
      file.clear();
      continue;
    }
    if (file.size_bytes() >= before + kGoodProgressBytes) {
      failures = 0;
    }
    if (attempt.result != Attempt::Result::kMayPass || failures >= transfer.retries) {
      throw TransferError(fmt::format("{}: {}", transfer.url, attempt.reason));
    }
    ++failures;
    std::this_thread::sleep_for(retry_wait(failures, attempt.wait_seconds));
  }
}

}  // namespace nestor
