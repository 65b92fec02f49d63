#include "apps/common/inputs.h"

#include <glob.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <set>

#include "apps/common/name_list.h"
#include "engine/check.h"

namespace nestor {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kExtensions[] = {".jpg",  ".jpeg", ".jpe", ".jfif", ".png",
                                            ".webp", ".bmp",  ".tga", ".gif",  ".pnm",
                                            ".pbm",  ".pgm",  ".ppm"};

// What cannot be told is taken for a file, whose own result says what is wrong.
bool is_folder(const std::string& name) {
  std::error_code unknown;
  return fs::is_directory(name, unknown);
}

std::string extension_of(const fs::path& path) {
  std::string extension = path.extension().string();
  std::ranges::transform(extension, extension.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return extension;
}

// The image files of a folder, and what is left out.
class FolderWalk {
 public:
  explicit FolderWalk(bool recursive) : recursive_(recursive) {}

  void walk(const fs::path& folder) {
    if (!enter(folder)) return;
    std::error_code error;
    std::vector<fs::path> folders;
    for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
      const fs::path& path = it->path();
      std::error_code unknown;
      if (path.filename().string().starts_with('.')) continue;
      if (it->is_directory(unknown)) {
        if (recursive_) folders.push_back(path);
      } else if (it->is_regular_file(unknown)) {
        add(path);
      }
    }
    CHECK_AS(kBadInput, !error, "{}: cannot list the folder: {}", folder.string(), error.message());
    for (const fs::path& below : folders) walk(below);
  }

  // Sorted by path: folder by folder.
  std::vector<std::string> files() {
    std::ranges::sort(files_);
    std::vector<std::string> names;
    for (const fs::path& file : files_) names.push_back(file.string());
    return names;
  }

  // "3 files left out: 2 .heic, 1 without extension", or nothing.
  std::string left_out() const {
    if (left_out_.empty()) return {};
    std::size_t total = 0;
    std::vector<std::string> kinds;
    for (const auto& [extension, count] : left_out_) {
      total += count;
      kinds.push_back(
          fmt::format("{} {}", count, extension.empty() ? "without extension" : extension));
    }
    return fmt::format("{} file{} left out: {}", total, total == 1 ? "" : "s",
                       fmt::join(kinds, ", "));
  }

 private:
  // False if this folder was entered before: links may lead in circles.
  bool enter(const fs::path& folder) {
    std::error_code unknown;
    return entered_.insert(fs::canonical(folder, unknown)).second;
  }

  void add(const fs::path& file) {
    std::string extension = extension_of(file);
    if (std::ranges::find(kExtensions, extension) != std::end(kExtensions)) {
      files_.push_back(file);
    } else {
      ++left_out_[std::move(extension)];
    }
  }

  const bool recursive_;
  std::set<fs::path> entered_;
  std::vector<fs::path> files_;
  std::map<std::string, std::size_t> left_out_;  // by extension
};

void append(std::vector<std::string>& all, std::vector<std::string> more) {
  all.insert(all.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

void append_folder(Inputs& inputs, const std::string& folder, bool recursive) {
  FolderWalk walk(recursive);
  walk.walk(folder);
  std::vector<std::string> files = walk.files();
  const std::string left_out = walk.left_out();
  CHECK_AS(kBadInput, !files.empty(), "{}: no image files in this folder{}", folder,
           left_out.empty() ? "" : fmt::format(" ({})", left_out));
  if (!left_out.empty()) inputs.notes.push_back(fmt::format("{}: {}", folder, left_out));
  append(inputs.names, std::move(files));
}

// Brackets alone make none: photo[1].jpg is how browsers name a second download, and where it is
// missing photo1.jpg must not take its place.
bool is_glob(const std::string& argument) {
  std::error_code unknown;
  return argument.find_first_of("*?") != std::string::npos && !fs::exists(argument, unknown);
}

std::vector<std::string> matches(const std::string& pattern) {
  glob_t found = {};
  const std::unique_ptr<glob_t, void (*)(glob_t*)> owner(&found, ::globfree);
  const int status = ::glob(pattern.c_str(), GLOB_TILDE, nullptr, &found);
  CHECK_AS(kBadInput, status == 0, "{}: matches no file", pattern);
  return {found.gl_pathv, found.gl_pathv + found.gl_pathc};
}

}  // namespace

Inputs expand_inputs(const std::vector<std::string>& arguments, bool recursive) {
  Inputs inputs;
  for (const std::string& argument : arguments) {
    if (argument.starts_with('@')) {
      append(inputs.names, read_name_list(argument.substr(1)));
    } else if (is_folder(argument)) {
      append_folder(inputs, argument, recursive);
    } else if (is_glob(argument)) {
      append(inputs.names, matches(argument));
    } else {
      inputs.names.push_back(argument);
    }
  }
  CHECK_AS(kUsage, std::ranges::count(inputs.names, kStandardInput) <= 1,
           "standard input (-) is named more than once");
  return inputs;
}

}  // namespace nestor
