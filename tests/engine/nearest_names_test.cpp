#include "engine/nearest_names.h"

#include <catch2/catch.hpp>

using namespace nestor;
using Names = std::vector<std::string>;

TEST_CASE("names are listed by the edits that they need, in their order where these are equal") {
  const Names names{"stem", "layer1", "layer1.attention", "layer2", "layer10"};
  CHECK(nearest_names("layer9", names, 2) == Names{"layer1", "layer2"});
  CHECK(nearest_names("LAYER10", names, 1) == Names{"layer10"});
  CHECK(nearest_names("layer9", names, 4) ==
        Names{"layer1", "layer2", "layer10", "layer1.attention"});
  CHECK(nearest_names("", names, 1) == Names{"stem"});
  CHECK(nearest_names("stem", names, 9).size() == 5);
  CHECK(nearest_names("stem", {}, 3).empty());
}

TEST_CASE("a slip of the keys is recognised, another word is not") {
  const Names names{"--weights", "--network", "--top-k", "-h"};
  CHECK(did_you_mean("--wieghts", names) == "; did you mean --weights?");  // two swapped
  CHECK(did_you_mean("--weihts", names) == "; did you mean --weights?");   // one missing
  CHECK(did_you_mean("--nettwork", names) == "; did you mean --network?");
  CHECK(did_you_mean("--Top_K", names) == "; did you mean --top-k?");
  CHECK(did_you_mean("--bogus", names).empty());
  CHECK(did_you_mean("-x", names).empty());
  CHECK(did_you_mean("x", names).empty());
  CHECK(did_you_mean(std::string(100'000, 'x'), names).empty());
  CHECK(did_you_mean("--weights", {}).empty());
}
