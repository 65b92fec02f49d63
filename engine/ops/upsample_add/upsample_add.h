#pragma once
// A feature pyramid's way down: a coarser map, enlarged to twice its size by repeating pixels and cut
// to the finer one's, added to that.
//
//   dst[n,c,y,x] = lateral[n,c,y,x] + coarse[n,c,y/2,x/2]
//
//   lateral [n, c, h, w], coarse [n, c, (h+1)/2, (w+1)/2] -> dst [n, c, h, w]
//
// Source: dmlc/gluon-cv:gluoncv/nn/feature.py@v0.7.0 (UpSampling, slice_like).

#include "engine/graph/builder.h"
#include "engine/graph/graph.h"

namespace nestor {

const Op& upsample_add_op();

ValueId upsample_add(GraphBuilder& builder, ValueId lateral, ValueId coarse, std::string_view name);

}  // namespace nestor
