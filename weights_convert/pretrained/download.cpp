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
#include "weights_convert/pretrained/plain_file.h"

namespace nestor {

namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxBytes = std::uint64_t{8} << 30;  // no published weights come near
constexpr std::uint64_t kGoodProgressBytes = std::uint64_t{1} << 20;  // forgives earlier failures
constexpr long kMaxRedirects = 5;
constexpr std::size_t kMaxHeaderBytes = std::size_t{256} << 10;  // of one request, with redirects
constexpr std::chrono::milliseconds kFirstWait{500}, kLongestWait{30'000};
constexpr long kOk = 200, kPartialContent = 206, kRangeNotSatisfiable = 416;

// The file that grows.
class PartialFile {
 public:
  explicit PartialFile(const fs::path& path)
      : path_(path), descriptor_(open_plain_file(path, O_WRONLY | O_CREAT)) {
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
    ++times_cleared_;
  }

  // What is appended from here on is another answer's.
  void go_on() { pieced_ = pieced_ || size_bytes_ > 0; }

  void finish() { check(::fsync(descriptor_) == 0); }

  // How often the file was begun anew.
  int times_cleared() const { return times_cleared_; }

  // Returns false if the system refuses; errno tells why.
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
  int times_cleared_ = 0;
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

constexpr const char* kTooLong = "it takes longer than it may (--time-limit)";
// libcurl takes 0 for no limit; the other end fits into a long.
constexpr std::chrono::milliseconds kShortestRequest{1}, kLongestRequest = std::chrono::hours(24);

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
    if (left() <= std::chrono::milliseconds(0)) return {Result::kFailed, kTooLong, {}};
    set_up();
    const CURLcode code = curl_easy_perform(curl_.handle);
    if (write_error_ != 0) file_.refuse(write_error_);
    return judge(code);
  }

  // Of the file, as the server that was asked tells it.
  const std::string& sha256() const { return sha256_; }

 private:
  using Result = Attempt::Result;

  std::chrono::milliseconds left() const {
    return std::chrono::duration_cast<std::chrono::milliseconds>(transfer_.deadline -
                                                                 std::chrono::steady_clock::now());
  }

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
    curl_.set(CURLOPT_LOW_SPEED_LIMIT, static_cast<long>(kLeastBytesPerSecond));
    curl_.set(CURLOPT_LOW_SPEED_TIME, static_cast<long>(transfer_.timeout_seconds));
    curl_.set(CURLOPT_TIMEOUT_MS,
              static_cast<long>(std::clamp(left(), kShortestRequest, kLongestRequest).count()));
    curl_.set(CURLOPT_HTTP09_ALLOWED, 1L);  // to refuse it with words of our own
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

  static std::size_t take_header(char* data, std::size_t, std::size_t size, void* self) {
    auto& request = *static_cast<Request*>(self);
    request.header_bytes_ += size;
    if (request.header_bytes_ > kMaxHeaderBytes) {
      request.refused_ = fmt::format("a header of more than {} bytes", kMaxHeaderBytes);
      return 0;
    }
    std::string line(data, size);
    std::ranges::transform(line, line.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    request.take_line(line);
    return size;
  }

  // A line of a header, in small letters.
  void take_line(std::string_view line) {
    constexpr std::string_view kRange = "content-range:", kDigest = "x-linked-etag:";
    if (line.starts_with("http/")) {
      ++num_answers_;
      range_start_.reset();  // that of a redirect
    } else if (line.starts_with(kRange)) {
      range_start_ = start_of(line.substr(kRange.size()));
    } else if (line.starts_with(kDigest) && num_answers_ == 1) {
      sha256_ = digest_in(line.substr(kDigest.size()));
    }
  }

  // " bytes 1000-1999/2000" -> 1000
  static std::optional<std::uint64_t> start_of(std::string_view range) {
    const std::size_t digits = range.find_first_of("0123456789");
    if (digits == std::string_view::npos) return {};
    std::uint64_t start = 0;
    const auto parsed = std::from_chars(range.data() + digits, range.data() + range.size(), start);
    return parsed.ec == std::errc() ? std::optional(start) : std::nullopt;
  }

  // ' "0123...ef"' -> 64 digits; empty if it is something else.
  static std::string digest_in(std::string_view value) {
    constexpr std::size_t kDigits = 64;
    constexpr std::string_view kHexadecimal = "0123456789abcdef";
    const std::size_t first = value.find_first_of(kHexadecimal);
    if (first == std::string_view::npos) return {};
    const std::string_view digits = value.substr(first);
    const std::size_t end = std::min(digits.find_first_not_of(kHexadecimal), digits.size());
    return end == kDigits ? std::string(digits.substr(0, kDigits)) : std::string();
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
    if (num_answers_ == 0) {
      refused_ = "an answer without a header (HTTP/0.9): no web server of today";
      return false;
    }
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
    if (code == CURLE_OPERATION_TIMEDOUT && left() <= std::chrono::milliseconds(0)) {
      return {Result::kFailed, kTooLong, {}};
    }
    const std::string reason = error_[0] != '\0' ? error_ : curl_easy_strerror(code);
    if (code == CURLE_UNSUPPORTED_PROTOCOL) {
      return {Result::kFailed, "a redirect to something else than https is refused: " + reason, {}};
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
  std::size_t header_bytes_ = 0;
  int num_answers_ = 0;  // with those that redirect
  std::string sha256_;
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

Downloaded download(const Transfer& transfer) {
  static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
  CHECK(ready == CURLE_OK, "libcurl cannot start: {}", curl_easy_strerror(ready));
  PartialFile file(transfer.file);
  const std::unique_ptr<TransferProgress> progress =
      transfer.progress ? transfer.progress(transfer.what) : std::make_unique<TransferProgress>();
  std::uint64_t most = file.size_bytes();  // that any attempt reached
  for (int failures = 0;;) {
    const int cleared = file.times_cleared();
    Request request(transfer, file, *progress);
    const Attempt attempt = request.run();
    if (attempt.result == Attempt::Result::kDone) {
      file.finish();
      return {file.is_pieced(), request.sha256()};
    }
    if (attempt.result == Attempt::Result::kStartOver) file.clear();
    if (file.size_bytes() >= most + kGoodProgressBytes && file.times_cleared() == cleared) {
      failures = 0;
    }
    most = std::max(most, file.size_bytes());
    const bool again = attempt.result == Attempt::Result::kMayPass ||
                       attempt.result == Attempt::Result::kStartOver;
    if (!again || failures >= transfer.retries) {
      throw TransferError(fmt::format("{}: {}", transfer.url, attempt.reason));
    }
    ++failures;
    if (attempt.result == Attempt::Result::kMayPass) {
      const auto end =
          std::chrono::steady_clock::now() + retry_wait(failures, attempt.wait_seconds);
      std::this_thread::sleep_until(std::min(end, transfer.deadline));
    }
  }
}

}  // namespace nestor
