#pragma once
// An operator of several outputs, as detectors have them, and backends that have it besides all
// others: the channels of each image whose first pixel is positive, the first ones of dst, and
// zeros behind them.
//
//   src [n, c, h, w] -> dst      float32 [n, c, h, w]
//                       channel  int32 [n, c]   where in src it lay; -1 for rows not in use
//                       label    uint8 [n, c]   1 for rows in use, else 0
//                       count    int32 [n]      rows in use of the other three

#include <memory>
#include <string_view>

#include "engine/backend.h"
#include "engine/graph/builder.h"

namespace nestor::test {

const Op& select_op();

// Values in the order above.
std::vector<ValueId> select(GraphBuilder& builder, ValueId src, std::string_view name);

// The CPU device, and a GPU that is only described.
std::unique_ptr<Backend> cpu_with_select();
std::unique_ptr<Backend> described_gpu_with_select(std::string_view architecture);

}  // namespace nestor::test
