#pragma once
// The plans of a model that its sessions use now, each once.

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "engine/plan/planner.h"

namespace nestor {

// Thread-safe.
class PlanCache {
 public:
  using Make = std::function<PlannedSteps()>;

  // The plan for that key, made with those choices of a tuning file. `make` is called if no session
  // has it: for one plan at a time, so that sessions that start together plan once. Whoever holds
  // the plan keeps it alive; nobody changes it.
  std::shared_ptr<const PlannedSteps> find_or_make(const PlanKey& key, const TunedChoices& tuning,
                                                   const Make& make);

 private:
  struct Entry {
    PlanKey key;
    TunedChoices tuning;
    std::weak_ptr<const PlannedSteps> plan;
  };

  std::mutex mutex_;
  std::vector<Entry> entries_;
};

}  // namespace nestor
