#pragma once
// Models on emulated devices.

#include <memory>

#include "engine/graph/builder.h"
#include "tests/simt/support/device_library.h"
#include "tests/support/model.h"

namespace nestor::test {

// With weights of tests/support/weights.h, on a new emulated GPU of that architecture.
std::shared_ptr<const Model> emulated_model(const GraphFunction& graph, int sm,
                                            simt::Options options = {});

// Two convolutions with a split attention between them, pool and classes: every kind of step.
Graph small_graph(const Shape& input);

}  // namespace nestor::test
