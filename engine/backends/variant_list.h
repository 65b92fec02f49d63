#pragma once
// How every backend picks from an op's ordered list of variants.

#include <fmt/ranges.h>

#include <algorithm>
#include <ranges>

#include "engine/backend.h"
#include "engine/check.h"

namespace nestor {

// The first variant whose `choose(variant)` has a kernel, of those that the request allows; no
// kernel if there is none, and the reasons that variants gave. Throws kUsage if forced_variant is
// no variant's name.
template <class Variant, class Choose>
StepChoice first_choice(const StepRequest& request, std::span<const Variant> variants,
                        const Choose& choose) {
  const std::string_view forced = request.forced_variant;
  CHECK_AS(kUsage, forced.empty() || std::ranges::count(variants, forced, &Variant::name) == 1,
           "{}: {} has no variant '{}'; there are: {}", request.node.name, request.node.op->name,
           forced, fmt::join(variants | std::views::transform(&Variant::name), ", "));
  std::vector<std::string> reasons;
  for (const Variant& variant : variants) {
    const bool forced_otherwise = !forced.empty() && forced != variant.name;
    if (forced_otherwise || std::ranges::count(request.excluded_variants, variant.name) > 0) {
      continue;
    }
    StepChoice choice = choose(variant);
    if (choice.kernel == nullptr) {
      if (!choice.why_not.empty()) reasons.push_back(std::move(choice.why_not));
      continue;
    }
    CHECK(choice.inputs.size() == request.node.inputs.size() &&
              choice.outputs.size() == request.node.outputs.size(),
          "{}: {} has formats of {} inputs and {} outputs, expected {} and {}", request.node.name,
          variant.name, choice.inputs.size(), choice.outputs.size(), request.node.inputs.size(),
          request.node.outputs.size());
    if (choice.variant.empty()) choice.variant = variant.name;
    return choice;
  }
  return {.why_not = fmt::format("{}", fmt::join(reasons, "; "))};
}

}  // namespace nestor
