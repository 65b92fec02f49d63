#include "tests/ptx/machine/decoder.h"

namespace nestor::ptx {

bool Decoder::control_instruction() {
  if (mnemonic == "bra") {
    count(1);
    op.code = Code::kBranch;
    branches.push_back({op_index(), std::string(operands[0])});
    return true;
  }
  if (mnemonic == "ret" || mnemonic == "exit") {
    op.code = Code::kReturn;
    return true;
  }
  if (mnemonic == "trap") {
    op.code = Code::kTrap;
    return true;
  }
  if (mnemonic == "membar" || mnemonic == "fence") {
    op.code = Code::kFence;
    return true;
  }
  if (mnemonic == "nanosleep" || mnemonic == "prefetch" || mnemonic == "prefetchu" ||
      mnemonic == "discard") {
    op.code = Code::kNothing;
    return true;
  }
  return false;
}

bool Decoder::warp_instruction() {
  if (mnemonic == "bar" || mnemonic == "barrier") {
    if (has("warp")) {
      count(1);
      op.code = Code::kWarpBarrier;
      op.a = source(kA, operands[0], Type::kB32);
      return true;
    }
    if (!has("sync") && !has("arrive")) return false;
    if (has("arrive") && operands.size() < 2)
      return false;  // "a non-zero thread count is required"
    op.code = has("sync") ? Code::kBarrier : Code::kBarrierArrive;
    op.flag = mnemonic == "bar" || has("aligned");
    op.a = source(kA, operands[0], Type::kU32);
    if (operands.size() > 1) op.b = source(kB, operands[1], Type::kU32);
    return true;
  }
  if (mnemonic == "shfl") {
    if (!has("sync")) return false;
    count(5);
    op.code = Code::kShuffle;
    op.sub = has("up") ? 0 : has("down") ? 1 : has("bfly") ? 2 : has("idx") ? 3 : 4;
    if (op.sub == 4) return false;
    op.a = source(kA, operands[1], Type::kB32);
    op.b = source(kB, operands[2], Type::kU32);
    op.c = source(kC, operands[3], Type::kU32);
    op.extra = static_cast<u32>(kernel.extra.size());
    more_sources({operands[4]}, Type::kU32);
    const std::size_t bar = operands[0].find('|');
    op.d = target(kD, trim(operands[0].substr(0, bar)), Type::kB32);
    if (bar != std::string_view::npos)
      op.e = target(kE, trim(operands[0].substr(bar + 1)), Type::kPred);
    return true;
  }
  if (mnemonic == "vote") {
    if (!has("sync")) return false;
    count(3);
    op.code = Code::kVote;
    op.sub = has("all") ? 0 : has("any") ? 1 : has("uni") ? 2 : has("ballot") ? 3 : 4;
    if (op.sub == 4) return false;
    std::string_view a = operands[1];
    if (a.starts_with('!')) {
      op.negate_c = true;
      a.remove_prefix(1);
    }
    op.a = source(kA, a, Type::kPred);
    op.b = source(kB, operands[2], Type::kU32);
    op.d = target(kD, operands[0], op.sub == 3 ? Type::kB32 : Type::kPred);
    return true;
  }
  if (mnemonic == "activemask") {
    op.code = Code::kActiveMask;
    op.d = target(kD, operands[0], Type::kB32);
    return true;
  }
  return false;
}

bool Decoder::tensor_instruction() {
  if (mnemonic == "mma") {
    // mma.sync.aligned.SHAPE.row.col.D.A.B.C
    if (!has("sync") || !has("aligned") || !has("row") || !has("col") || types.size() != 4)
      return false;
    if (types[0] != Type::kF32 || types[3] != Type::kF32 || types[1] != types[2]) return false;
    // A is row-major and B column-major: .row comes first.
    if (std::find(parts.begin(), parts.end(), "row") > std::find(parts.begin(), parts.end(), "col"))
      return false;
    op.code = Code::kMma;
    op.type = types[1];
    std::size_t num_a = 0, num_b = 0, num_d = 4;
    if (has("m8n8k4") && op.type == Type::kF16) {
      op.sub = static_cast<u8>(MmaShape::kM8N8K4);
      num_a = 2, num_b = 2, num_d = 8;
    } else if (has("m16n8k8") && (op.type == Type::kF16 || op.type == Type::kBf16)) {
      op.sub = static_cast<u8>(MmaShape::kM16N8K8);
      num_a = 2, num_b = 1;
    } else if (has("m16n8k8") && op.type == Type::kTf32) {
      op.sub = static_cast<u8>(MmaShape::kM16N8K8);
      num_a = 4, num_b = 2;
    } else if (has("m16n8k16") && (op.type == Type::kF16 || op.type == Type::kBf16)) {
      op.sub = static_cast<u8>(MmaShape::kM16N8K16);
      num_a = 4, num_b = 2;
    } else {
      return false;
    }
    count(4);
    const auto d = elements(operands[0]), a = elements(operands[1]), b = elements(operands[2]),
               c = elements(operands[3]);
    if (d.size() != num_d || a.size() != num_a || b.size() != num_b || c.size() != num_d) {
      fail("another number of registers than the shape has");
    }
    op.extra = static_cast<u32>(kernel.extra.size());
    more_sources(a, Type::kB32);
    more_sources(b, Type::kB32);
    more_sources(c, Type::kF32);
    more_targets(d, Type::kF32);
    return true;
  }
  if (mnemonic == "ldmatrix") {
    if (!has("sync") || !has("aligned") || !has("m8n8") || !has("b16")) return false;
    count(2);
    op.code = Code::kLdmatrix;
    op.space = space();
    op.count = has("x1") ? 1 : has("x2") ? 2 : has("x4") ? 4 : 0;
    const auto to = elements(operands[0]);
    if (op.count != to.size()) fail("another number of registers than matrices");
    op.sub = has("trans") ? 1 : 0;
    op.type = Type::kB32;
    address(op, operands[1]);
    op.extra = static_cast<u32>(kernel.extra.size());
    more_targets(to, Type::kB32);
    return true;
  }
  return false;
}

}  // namespace nestor::ptx
