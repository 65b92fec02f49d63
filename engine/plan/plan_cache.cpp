#include "engine/plan/plan_cache.h"

#include <algorithm>

namespace nestor {

std::shared_ptr<const PlannedSteps> PlanCache::find_or_make(const PlanKey& key,
                                                            const TunedChoices& tuning,
                                                            const Make& make) {
  const std::lock_guard lock(mutex_);
  std::erase_if(entries_, [](const Entry& entry) { return entry.plan.expired(); });
  for (const Entry& entry : entries_) {
    if (entry.key != key || entry.tuning != tuning) continue;
    if (auto plan = entry.plan.lock()) return plan;
  }
  auto plan = std::make_shared<const PlannedSteps>(make());
  entries_.push_back({key, tuning, plan});
  return plan;
}

}  // namespace nestor
