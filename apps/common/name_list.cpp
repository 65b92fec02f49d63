#include "apps/common/name_list.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <string_view>

#include "engine/check.h"

namespace nestor {

namespace {

// A list may be an endless pipe: what is kept of it is bounded.
constexpr std::size_t kLongestLine = 4 * PATH_MAX;
constexpr std::size_t kMostNames = 10'000'000;
constexpr std::size_t kMostBytes = std::size_t{1} << 30;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

// A file that is open while it is read.
class Reader {
 public:
  explicit Reader(const std::string& path)
      : path_(path), descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (descriptor_ < 0) refuse();
  }
  ~Reader() { ::close(descriptor_); }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  // The next bytes; none at the end.
  std::string_view next() {
    ssize_t count = 0;
    do {
      count = ::read(descriptor_, chunk_.data(), chunk_.size());
    } while (count < 0 && errno == EINTR);
    if (count < 0) refuse();
    return {chunk_.data(), static_cast<std::size_t>(count)};
  }

 private:
  [[noreturn]] void refuse() const {
    fail(ErrorCode::kBadInput, "{}: cannot read the list: {}", path_, std::strerror(errno));
  }

  const std::string& path_;
  int descriptor_;
  std::array<char, 1 << 16> chunk_;
};

// Lines as they come in pieces.
class Lines {
 public:
  explicit Lines(const std::string& path) : path_(path) {}

  void add(std::string_view bytes) {
    CHECK_AS(kBadInput, bytes.find('\0') == std::string_view::npos,
             "{}: not a list of names: it has a NUL", path_);
    num_bytes_ += bytes.size();
    CHECK_AS(kBadInput, num_bytes_ <= kMostBytes, "{}: the list has more than {} bytes", path_,
             kMostBytes);
    while (!bytes.empty()) {
      const std::size_t end = bytes.find('\n');
      line_ += bytes.substr(0, end);
      CHECK_AS(kBadInput, line_.size() <= kLongestLine,
               "{}: not a list of names: a line is longer than {} bytes", path_, kLongestLine);
      if (end == std::string_view::npos) return;
      finish_line();
      bytes.remove_prefix(end + 1);
    }
  }

  std::vector<std::string> finish() {
    finish_line();
    CHECK_AS(kBadInput, !names_.empty(), "{}: the list is empty", path_);
    return std::move(names_);
  }

 private:
  void finish_line() {
    std::string_view name = line_;
    if (first_ && name.starts_with(kByteOrderMark)) name.remove_prefix(kByteOrderMark.size());
    first_ = false;
    if (name.ends_with('\r')) name.remove_suffix(1);
    if (!name.empty()) {
      CHECK_AS(kBadInput, names_.size() < kMostNames, "{}: the list has more than {} names", path_,
               kMostNames);
      names_.emplace_back(name);
    }
    line_.clear();
  }

  const std::string& path_;
  std::vector<std::string> names_;
  std::string line_;
  std::size_t num_bytes_ = 0;
  bool first_ = true;
};

}  // namespace

std::vector<std::string> read_name_list(const std::string& path) {
  Reader reader(path);
  Lines lines(path);
  for (std::string_view bytes = reader.next(); !bytes.empty(); bytes = reader.next()) {
    lines.add(bytes);
  }
  return lines.finish();
}

}  // namespace nestor
