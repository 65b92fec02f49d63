#include "weights_convert/official_files.h"

#include <catch2/catch.hpp>

#include "graphs/zoo.h"

namespace nestor {

TEST_CASE("official files are of networks in the zoo, each hash once", "[convert][cpu]") {
  for (const OfficialFile& file : official_files()) {
    INFO(file.hash_prefix);
    CHECK(find_network(file.network) != nullptr);
    CHECK(find_official_file(file.hash_prefix) == &file);
  }
  CHECK(find_official_file("528c19ca0000")->source == "resnest");
  CHECK(find_official_file("0000") == nullptr);
}

TEST_CASE("names of official files end with a hash", "[convert][cpu]") {
  CHECK(hash_in_name("resnest50-bcfefe1d.params") == "bcfefe1d");
  CHECK(hash_in_name("gluon_resnet101_v1b-3b017079.pth") == "3b017079");
  CHECK_FALSE(hash_in_name("resnest50.params"));
  CHECK_FALSE(hash_in_name("export-0000.params"));
  CHECK_FALSE(hash_in_name("resnest50-finetuned.pth"));
}

}  // namespace nestor
