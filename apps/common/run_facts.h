#pragma once
// The facts about a run that the head of a JSON report states.

#include <string>

#include "apps/common/opened_model.h"
#include "nestor/preprocess.h"

namespace nestor {

struct RunFacts {
  std::string model;  // the file, as the user named it
  std::string device, precision;
  Preprocess preprocess;  // with what options changed
};

RunFacts run_facts(const OpenedModel& model);

}  // namespace nestor
