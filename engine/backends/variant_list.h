#pragma once
// How every backend picks from an op's ordered list of variants.

#include <fmt/ranges.h>

#include <algorithm>
#include <ranges>

#include "engine/backend.h"
#include "engine/check.h"

namespace nestor {

// The first variant whose `choose(variant)` has a kernel, of those that the request allows; no
// kernel where there is none. Throws kUsage where forced_variant is no variant's name.
template <class Variant, class Choose>
StepChoice first_choice(const StepRequest& request, std::span<const Variant> variants,
                        const Choose& choose) {
  const std::string_view forced = request.forced_variant;
  CHECK_AS(kUsage, forced.empty() || std::ranges::count(variants, forced, &Variant::name) == 1,
           "{}: {} has no variant '{}'; there are: {}", request.node.name, request.node.op->name,
           forced, fmt::join(variants | std::views::transform(&Variant::name), ", "));
  for (const Variant& variant : variants) {
    const bool forced_otherwise = !forced.empty() && forced != variant.name;
    if (forced_otherwise || std::ranges::count(request.excluded_variants, variant.name) > 0) {
      continue;
    }
    StepChoice choice = choose(variant);
    if (choice.kernel == nullptr) continue;
    if (choice.variant.empty()) choice.variant = variant.name;
    return choice;
  }
  return {};
}

// The variants of `op` in a backend's list, whose rows are {op, variants}.
template <class Row>
auto variants_of(const Op& op, std::span<const Row> list) {
  const auto row = std::ranges::find(list, &op, &Row::op);
  return row == list.end() ? decltype(row->variants)() : row->variants;
}

}  // namespace nestor
