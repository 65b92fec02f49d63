#include "tests/ptx/machine/decoder.h"

namespace nestor::ptx {

bool Decoder::bits_instruction() {
  if (mnemonic == "and") return binary(Code::kAnd);
  if (mnemonic == "or") return binary(Code::kOr);
  if (mnemonic == "xor") return binary(Code::kXor);
  if (mnemonic == "not") return unary(Code::kNot);
  if (mnemonic == "shl" || mnemonic == "shr") {
    count(3);
    op.code = mnemonic == "shl" ? Code::kShl : Code::kShr;
    op.a = source(kA, operands[1], op.type);
    op.b = source(kB, operands[2], Type::kU32);
    op.d = target(kD, operands[0], op.type);
    return true;
  }
  if (mnemonic == "shf") {
    op.flag = has("wrap");
    return ternary(has("l") ? Code::kShfL : Code::kShfR);
  }
  if (mnemonic == "popc" || mnemonic == "clz" || mnemonic == "bfind") {
    count(2);
    if (has("shiftamt")) return false;
    op.code = mnemonic == "popc" ? Code::kPopc : mnemonic == "clz" ? Code::kClz : Code::kBfind;
    op.from = op.type;
    op.a = source(kA, operands[1], op.type);
    op.type = Type::kU32;
    op.d = target(kD, operands[0], Type::kU32);
    return true;
  }
  if (mnemonic == "brev") return unary(Code::kBrev);
  if (mnemonic == "bfe") {
    count(4);
    op.code = Code::kBfe;
    op.a = source(kA, operands[1], op.type);
    op.b = source(kB, operands[2], Type::kU32);
    op.c = source(kC, operands[3], Type::kU32);
    op.d = target(kD, operands[0], op.type);
    return true;
  }
  if (mnemonic == "bfi") {
    count(5);
    op.code = Code::kBfi;
    op.a = source(kA, operands[1], op.type);
    op.b = source(kB, operands[2], op.type);
    op.c = source(kC, operands[3], Type::kU32);
    op.e = source(kE, operands[4], Type::kU32);
    op.d = target(kD, operands[0], op.type);
    return true;
  }
  if (mnemonic == "prmt") {
    if (parts.size() != 2) return false;
    return ternary(Code::kPrmt);
  }
  if (mnemonic == "lop3") {
    count(5);
    op.code = Code::kLop3;
    op.a = source(kA, operands[1], op.type);
    op.b = source(kB, operands[2], op.type);
    op.c = source(kC, operands[3], op.type);
    op.imm = number(operands[4]);
    op.d = target(kD, operands[0], op.type);
    return true;
  }
  return false;
}

bool Decoder::compare_instruction() {
  if (mnemonic == "setp" || mnemonic == "set") {
    Compare compare = Compare::kEq;
    bool found = false;
    for (std::size_t i = 1; i < parts.size() && !found; ++i) {
      if (const auto c = kCompares.find(parts[i]); c != kCompares.end()) {
        compare = c->second;
        found = true;
      }
    }
    if (!found) return false;
    op.sub = static_cast<u8>(compare);
    if (mnemonic == "set") {
      if (types.size() != 2 || operands.size() != 3) return false;
      op.code = Code::kSet;
      op.from = types[1];
      op.a = source(kA, operands[1], op.from);
      op.b = source(kB, operands[2], op.from);
      op.d = target(kD, operands[0], op.type);
      return true;
    }
    op.code = Code::kSetp;
    op.from = op.type;
    op.count = has("and") ? 1 : has("or") ? 2 : has("xor") ? 3 : 0;
    op.a = source(kA, operands[1], op.from);
    op.b = source(kB, operands[2], op.from);
    if (op.count != 0) {
      count(4);
      std::string_view c = operands[3];
      if (c.starts_with('!')) {
        op.negate_c = true;
        c.remove_prefix(1);
      }
      op.c = source(kC, c, Type::kPred);
    } else {
      count(3);
    }
    const std::size_t bar = operands[0].find('|');
    op.d = target(kD, trim(operands[0].substr(0, bar)), Type::kPred);
    if (bar != std::string_view::npos)
      op.e = target(kE, trim(operands[0].substr(bar + 1)), Type::kPred);
    return true;
  }
  return false;
}

bool Decoder::choice_instruction() {
  if (mnemonic == "selp") {
    count(4);
    op.code = Code::kSelp;
    op.a = source(kA, operands[1], op.type);
    op.b = source(kB, operands[2], op.type);
    op.c = source(kC, operands[3], Type::kPred);
    op.d = target(kD, operands[0], op.type);
    return true;
  }
  if (mnemonic == "slct") {
    if (types.size() != 2) return false;
    op.code = Code::kSlct;
    op.from = types[1];
    op.a = source(kA, operands[1], op.type);
    op.b = source(kB, operands[2], op.type);
    op.c = source(kC, operands[3], op.from);
    op.d = target(kD, operands[0], op.type);
    return true;
  }
  return false;
}

}  // namespace nestor::ptx
