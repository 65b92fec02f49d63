#include "engine/log.h"

#include <catch2/catch.hpp>
#include <stdexcept>
#include <string>
#include <vector>

namespace nestor {

TEST_CASE("a log gets messages from when it is set until it is taken away", "[log][cpu]") {
  std::vector<std::string> messages;
  log(LogLevel::kInfo, "{} too early", 1);
  set_log([&](LogLevel level, std::string_view message) {
    messages.push_back((level == LogLevel::kWarning ? "warning: " : "") + std::string(message));
  });
  log(LogLevel::kInfo, "{} in time", 2);
  log(LogLevel::kWarning, "{} too", 3);
  set_log({});
  log(LogLevel::kInfo, "{} too late", 4);
  CHECK(messages == std::vector<std::string>{"2 in time", "warning: 3 too"});
}

TEST_CASE("a log that throws does no harm, and may replace itself", "[log][cpu]") {
  int calls = 0;
  set_log([&](LogLevel, std::string_view) {
    ++calls;
    set_log({});
    throw std::runtime_error("no");
  });
  log(LogLevel::kInfo, "one");
  log(LogLevel::kInfo, "two");
  CHECK(calls == 1);
}

}  // namespace nestor
