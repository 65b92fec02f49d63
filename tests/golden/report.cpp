#include <fmt/core.h>

#include "tests/golden/golden.h"

namespace nestor::golden {

namespace {

void print(std::string_view verdict, std::string_view case_name, std::string_view what,
           std::string_view detail) {
  fmt::print("{:4} {:44} {:26} {}\n", verdict, case_name, what, detail);
}

}  // namespace

void Report::pass(std::string_view case_name, std::string_view what, std::string_view detail) {
  ++passed_;
  print("ok", case_name, what, detail);
}

void Report::fail(std::string_view case_name, std::string_view what, std::string_view detail) {
  ++failed_;
  print("FAIL", case_name, what, detail);
}

void Report::skip(std::string_view case_name, std::string_view why) {
  ++skipped_;
  print("skip", case_name, why, {});
}

void Report::check(bool ok, std::string_view case_name, std::string_view what,
                   std::string_view detail) {
  ok ? pass(case_name, what, detail) : fail(case_name, what, detail);
}

}  // namespace nestor::golden
