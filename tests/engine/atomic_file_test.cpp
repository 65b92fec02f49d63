#include "engine/atomic_file.h"

#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "nestor/error.h"
#include "tests/support/weight_files.h"

namespace nestor {

namespace {

namespace fs = std::filesystem;

std::string content(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::ptrdiff_t num_entries(const fs::path& folder) {
  return std::distance(fs::directory_iterator(folder), fs::directory_iterator());
}

void write(const fs::path& path, std::string_view text) {
  AtomicFile file(path);
  file.write(text);
  file.commit();
}

}  // namespace

TEST_CASE("a file appears whole, replaces an older one, or does not appear", "[files][cpu]") {
  const test::TemporaryFolder folder;
  const fs::path path = folder.path() / "a";
  {
    AtomicFile abandoned(path);
    abandoned.write("half");
  }
  CHECK(num_entries(folder.path()) == 0);
  write(path, "one");
  write(path, "two");
  CHECK(content(path) == "two");
  CHECK(num_entries(folder.path()) == 1);
}

TEST_CASE("links are followed, also one to nowhere", "[files][cpu]") {
  const test::TemporaryFolder folder;
  fs::create_directory(folder.path() / "real");
  fs::create_symlink("real/target", folder.path() / "second");
  fs::create_symlink("second", folder.path() / "first");
  for (const char* const text : {"one", "two"}) {
    write(folder.path() / "first", text);
    CHECK(fs::is_symlink(folder.path() / "first"));
    CHECK(content(folder.path() / "real" / "target") == text);
  }
}

TEST_CASE("what is no regular file is written to directly; a folder is refused", "[files][cpu]") {
  const test::TemporaryFolder folder;
  write("/dev/null", "gone");
  CHECK(fs::is_character_file("/dev/null"));
  try {
    const AtomicFile file(folder.path());
    FAIL("a folder was opened");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::kUsage);
  }
  CHECK_THROWS_WITH(AtomicFile(folder.path() / "none" / "a"), Catch::Contains("none/a: cannot"));
}

TEST_CASE("a file's name may be as long as the file system allows", "[files][cpu]") {
  const test::TemporaryFolder folder;
  for (const std::size_t length : {242, 243, 250, 255}) {
    const fs::path path = folder.path() / std::string(length, 'n');
    write(path, "one");
    write(path, "two");
    CHECK(content(path) == "two");
  }
  CHECK(num_entries(folder.path()) == 4);
  CHECK_THROWS_AS(write(folder.path() / std::string(256, 'n'), "one"), Error);
  CHECK(num_entries(folder.path()) == 4);
}

}  // namespace nestor
