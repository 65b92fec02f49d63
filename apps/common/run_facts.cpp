#include "apps/common/run_facts.h"

namespace nestor {

RunFacts run_facts(const OpenedModel& model) {
  return {.model = model.file,
          .device = std::string(model.session.device()),
          .precision = std::string(to_string(model.session.precision())),
          .preprocess = model.preprocess};
}

}  // namespace nestor
