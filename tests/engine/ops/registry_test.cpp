#include "engine/ops/registry.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <set>
#include <string>

#include "engine/backends/cpu/cpu_backend.h"
#include "engine/backends/cuda/cuda_backend.h"

namespace nestor {

namespace {

template <class Variants>
void check_distinct(const Op& op, const Variants& variants) {
  std::set<std::string_view> names;
  for (const auto& variant : variants) {
    INFO(op.name << " as " << variant.name);
    CHECK(names.insert(variant.name).second);
    CHECK(variant.choose != nullptr);
  }
}

}  // namespace

TEST_CASE("registry: operators and their variants have names of their own", "[ops]") {
  std::set<std::string_view> names;
  for (const AdmittedOp& row : admitted_ops()) {
    const Op& op = row.op();
    CHECK(names.insert(op.name).second);
    CHECK(find_admitted(op) == &row);
    check_distinct(op, row.cpu());
    check_distinct(op, row.cuda().variants);
  }
}

TEST_CASE("registry: every folder of engine/ops is admitted", "[ops]") {
  std::set<std::string> names;
  for (const AdmittedOp& row : admitted_ops()) names.emplace(row.op().name);
  for (const auto& entry :
       std::filesystem::directory_iterator(std::string(NESTOR_SOURCE_DIR) + "/engine/ops")) {
    if (!entry.is_directory()) continue;
    const std::string folder = entry.path().filename().string();
    INFO(folder);
    // fold_batch_norm/ holds fold_batch_norm_weight and fold_batch_norm_bias.
    const auto first = names.lower_bound(folder);
    CHECK((first != names.end() && first->starts_with(folder)));
  }
}

TEST_CASE("registry: an operator that is not admitted has no variants", "[ops]") {
  const Op stranger{"stranger", nullptr, nullptr, no_multiply_adds, no_description};
  CHECK(find_admitted(stranger) == nullptr);
}

}  // namespace nestor
