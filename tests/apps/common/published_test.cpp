#include "apps/common/published.h"

#include <catch2/catch.hpp>
#include <set>

#include "graphs/zoo.h"

namespace nestor {

TEST_CASE("published: every row is a network of the zoo at its own size", "[bench]") {
  std::set<std::string> sources;
  for (const PublishedRow& row : published_rows()) {
    CAPTURE(row.network);
    const Network* const network = find_network(row.network);
    REQUIRE(network != nullptr);
    CHECK(nominal_input(*network) == Shape{1, 3, row.size, row.size});
    CHECK((row.top1 > 80 && row.top1 < 85));
    CHECK(row.ms > 0);
    sources.insert(row.source);
  }
  CHECK(published_rows().size() == 11);
  CHECK(sources.size() == 2);
  CHECK(find_published("resnest269")->ms == 19.5);
  CHECK(find_published("resnest14") == nullptr);
}

}  // namespace nestor
