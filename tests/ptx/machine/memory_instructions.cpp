#include "tests/ptx/machine/decoder.h"

namespace nestor::ptx {

bool Decoder::memory_instruction() {
  if (mnemonic == "ld" || mnemonic == "ldu") {
    count(2);
    op.code = Code::kLoad;
    op.space = space();
    const auto to = elements(operands[0]);
    op.count = static_cast<u8>(to.size());
    if (op.count != (has("v4") ? 4 : has("v2") ? 2 : 1)) fail("a vector of another length");
    address(op, operands[1]);
    op.extra = static_cast<u32>(kernel.extra.size());
    // A register may be wider than what is loaded, which is extended then.
    Type wide = op.type;
    if (const u32* reg = find_register(to[0])) {
      if (virtuals[*reg].rows == 2 && bytes_of(op.type) < 8) {
        wide = Type::kB64;
        op.from = Type::kB64;
      }
    }
    more_targets(to, wide);
    return true;
  }
  if (mnemonic == "st") {
    count(2);
    op.code = Code::kStore;
    op.space = space();
    const auto from = elements(operands[1]);
    op.count = static_cast<u8>(from.size());
    if (op.count != (has("v4") ? 4 : has("v2") ? 2 : 1)) fail("a vector of another length");
    address(op, operands[0]);
    op.extra = static_cast<u32>(kernel.extra.size());
    Type wide = op.type;
    if (const u32* reg = find_register(from[0])) {
      if (virtuals[*reg].rows == 2 && bytes_of(op.type) < 8) {
        wide = Type::kB64;
        op.from = Type::kB64;
      }
    }
    more_sources(from, wide);
    return true;
  }
  return false;
}

bool Decoder::atomic_instruction() {
  if (mnemonic == "atom" || mnemonic == "red") {
    static const std::map<std::string_view, AtomicOp> kAtomics = {
        {"add", AtomicOp::kAdd},   {"min", AtomicOp::kMin}, {"max", AtomicOp::kMax},
        {"and", AtomicOp::kAnd},   {"or", AtomicOp::kOr},   {"xor", AtomicOp::kXor},
        {"exch", AtomicOp::kExch}, {"cas", AtomicOp::kCas}, {"inc", AtomicOp::kInc},
        {"dec", AtomicOp::kDec}};
    bool found = false;
    for (std::size_t i = 1; i < parts.size(); ++i) {
      if (const auto a = kAtomics.find(parts[i]); a != kAtomics.end()) {
        op.sub = static_cast<u8>(a->second);
        found = true;
      }
    }
    if (!found) return false;
    op.code = Code::kAtom;
    op.space = space();
    const std::size_t first = mnemonic == "atom" ? 1 : 0;
    address(op, operands[first]);
    op.b = source(kB, operands[first + 1], op.type);
    if (static_cast<AtomicOp>(op.sub) == AtomicOp::kCas)
      op.c = source(kC, operands[first + 2], op.type);
    if (mnemonic == "atom") op.d = target(kD, operands[0], op.type);
    return true;
  }
  return false;
}

bool Decoder::copy_instruction() {
  if (mnemonic == "cp") {
    if (!has("async")) return false;
    kernel.copies_async = true;
    if (has("commit_group")) {
      op.code = Code::kCopyCommit;
      return true;
    }
    if (has("wait_group") || has("wait_all")) {
      op.code = Code::kCopyWait;
      op.imm = has("wait_all") ? -1 : number(operands[0]);
      return true;
    }
    if (!(has("ca") || has("cg")) || !(has("shared") || has("shared::cta")) || !has("global"))
      return false;
    for (std::size_t i = 1; i < parts.size(); ++i) {
      if (parts[i].starts_with("mbarrier") || parts[i] == "bulk") return false;
    }
    if (operands.size() != 3 && operands.size() != 4) return false;
    op.code = Code::kCopyAsync;
    // destination in a and imm, source in b and its offset in extra, size in count, src-size in c
    Op source_op;
    address(source_op, operands[1]);
    if (source_op.a == kNoOperand) return false;
    references.back().field = kB;
    op.b = 0;
    if (source_op.flag) return false;
    const i64 source_offset = source_op.imm;
    address(op, operands[0]);
    op.extra = static_cast<u32>(kernel.extra.size());
    kernel.extra.push_back(static_cast<u32>(source_offset));
    op.count = static_cast<u8>(number(operands[2]));
    if (!(op.count == 16 || (has("ca") && (op.count == 4 || op.count == 8)))) {
      fail("no size of cp.async: " + std::string(operands[2]));
    }
    if (operands.size() == 4) op.c = source(kC, operands[3], Type::kU32);
    return true;
  }
  return false;
}

}  // namespace nestor::ptx
