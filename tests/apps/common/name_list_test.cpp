#include "apps/common/name_list.h"

#include <catch2/catch.hpp>
#include <fstream>

#include "nestor/error.h"
#include "tests/support/weight_files.h"

using namespace nestor;

namespace {

std::vector<std::string> names_in(std::string_view text) {
  const test::TemporaryFolder folder;
  const std::string path = (folder.path() / "list.txt").string();
  std::ofstream(path, std::ios::binary) << text;
  return read_name_list(path);
}

}  // namespace

TEST_CASE("a list's names come without byte order mark, carriage returns and empty lines") {
  using Names = std::vector<std::string>;
  CHECK(names_in("\xEF\xBB\xBF"
                 "a.jpg\r\n\r\n\nb c.jpg\n a") == Names{"a.jpg", "b c.jpg", " a"});
  CHECK(names_in("a\n\xEF\xBB\xBF"
                 "b") == Names{"a",
                               "\xEF\xBB\xBF"
                               "b"});  // a mark comes first
  const std::string longest(4096, 'x');
  CHECK(names_in(longest + "\n" + longest) == Names{longest, longest});
  std::string many;  // pieces of the file end within names
  for (int i = 0; i < 20'000; ++i) many += "photo_" + std::to_string(i) + ".jpg\n";
  const Names names = names_in(many);
  REQUIRE(names.size() == 20'000);
  CHECK(names[12'345] == "photo_12345.jpg");
}

TEST_CASE("lists that are none are refused, endless ones before memory is full") {
  CHECK_THROWS_WITH(names_in(""), Catch::Contains("list is empty"));
  CHECK_THROWS_WITH(names_in("\xEF\xBB\xBF\r\n"), Catch::Contains("list is empty"));
  CHECK_THROWS_WITH(names_in(std::string("a\0b", 3)), Catch::Contains("NUL"));
  CHECK_THROWS_WITH(names_in(std::string(1'000'000, 'x')), Catch::Contains("a line is longer"));
  CHECK_THROWS_WITH(read_name_list("/dev/zero"), Catch::Contains("/dev/zero: not a list"));
  CHECK_THROWS_WITH(read_name_list("/"), Catch::Contains("/: cannot read the list"));
  CHECK_THROWS_WITH(read_name_list("/none/list"), Catch::Contains("/none/list: cannot read"));
}
