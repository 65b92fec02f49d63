#include "apps/common/inputs.h"

#include <glob.h>

#include <algorithm>
#include <filesystem>
#include <memory>

#include "apps/common/name_list.h"
#include "engine/check.h"

namespace nestor {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kExtensions[] = {".jpg", ".jpeg", ".png", ".bmp", ".tga", ".pnm",
                                            ".ppm", ".pgm",  ".gif", ".jpe", ".jfif"};

// What cannot be told is taken for a file, whose own result says what is wrong.
bool is_folder(const std::string& name) {
  std::error_code unknown;
  return fs::is_directory(name, unknown);
}

bool has_image_name(const fs::path& path) {
  std::string extension = path.extension().string();
  std::ranges::transform(extension, extension.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return std::ranges::find(kExtensions, extension) != std::end(kExtensions);
}

std::vector<std::string> files_in_folder(const std::string& folder) {
  std::vector<std::string> files;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    std::error_code unknown;
    if (it->is_regular_file(unknown) && has_image_name(it->path()))
      files.push_back(it->path().string());
  }
  CHECK_AS(kBadInput, !error, "{}: cannot list the folder: {}", folder, error.message());
  CHECK_AS(kBadInput, !files.empty(), "{}: no image files in this folder", folder);
  std::ranges::sort(files);
  return files;
}

bool is_glob(const std::string& argument) {
  std::error_code unknown;
  return argument.find_first_of("*?[") != std::string::npos && !fs::exists(argument, unknown);
}

std::vector<std::string> matches(const std::string& pattern) {
  glob_t found = {};
  const std::unique_ptr<glob_t, void (*)(glob_t*)> owner(&found, ::globfree);
  const int status = ::glob(pattern.c_str(), GLOB_TILDE, nullptr, &found);
  CHECK_AS(kBadInput, status == 0, "{}: matches no file", pattern);
  return {found.gl_pathv, found.gl_pathv + found.gl_pathc};
}

void append(std::vector<std::string>& all, std::vector<std::string> more) {
  all.insert(all.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

}  // namespace

std::vector<std::string> expand_inputs(const std::vector<std::string>& arguments) {
  std::vector<std::string> inputs;
  for (const std::string& argument : arguments) {
    if (argument.starts_with('@')) {
      append(inputs, read_name_list(argument.substr(1)));
    } else if (is_folder(argument)) {
      append(inputs, files_in_folder(argument));
    } else if (is_glob(argument)) {
      append(inputs, matches(argument));
    } else {
      inputs.push_back(argument);
    }
  }
  CHECK_AS(kUsage, std::ranges::count(inputs, kStandardInput) <= 1,
           "standard input (-) is named more than once");
  return inputs;
}

}  // namespace nestor
