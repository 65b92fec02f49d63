#include "tests/ptx/machine/decoder.h"

namespace nestor::ptx {

namespace {

Type wider(Type type) {
  switch (type) {
    case Type::kS32: return Type::kS64;
    case Type::kU32: return Type::kU64;
    case Type::kS16: return Type::kS32;
    case Type::kU16: return Type::kU32;
    default: return Type::kNone;
  }
}

}  // namespace

bool Decoder::move_instruction() {
  if (mnemonic == "mov") {
    if (operands.size() != 2) return false;
    if (const auto special = kSpecials.find(operands[1]); special != kSpecials.end()) {
      op.code = Code::kSpecial;
      op.sub = static_cast<u8>(special->second);
      op.d = target(kD, operands[0], op.type);
      return true;
    }
    if (operands[0].starts_with('{')) {  // mov.b32 {low, high}, r
      const auto parts_of = elements(operands[0]);
      op.code = Code::kUnpack;
      op.count = static_cast<u8>(parts_of.size());
      op.a = source(kA, operands[1], op.type);
      op.extra = static_cast<u32>(kernel.extra.size());
      more_targets(parts_of, bytes_of(op.type) == 8 && op.count == 2 ? Type::kB32 : Type::kB16);
      return true;
    }
    if (operands[1].starts_with('{')) {
      const auto parts_of = elements(operands[1]);
      op.code = Code::kPack;
      op.count = static_cast<u8>(parts_of.size());
      op.extra = static_cast<u32>(kernel.extra.size());
      more_sources(parts_of, bytes_of(op.type) == 8 && op.count == 2 ? Type::kB32 : Type::kB16);
      op.d = target(kD, operands[0], op.type);
      return true;
    }
    if (op.type == Type::kPred && !find_register(operands[1])) {
      op.code = Code::kMove;
      op.flag = true;  // a constant
      op.imm = number(operands[1]);
      op.d = target(kD, operands[0], op.type);
      return true;
    }
    return unary(Code::kMove);
  }
  if (mnemonic == "cvt") {
    if (types.size() != 2 || has("relu")) return false;
    op.code = Code::kConvert;
    op.from = types[1];
    op.flag = has("sat");
    if (op.type == Type::kF16x2 || op.type == Type::kBf16x2) {
      count(3);  // d = {a in the high half, b in the low}
      op.a = source(kA, operands[1], op.from);
      op.b = source(kB, operands[2], op.from);
    } else {
      count(2);
      // A wider register may hold what is converted: "operands of wider type are allowed".
      const u32* reg = find_register(operands[1]);
      const bool wider = reg != nullptr && bytes_of(op.from) <= 4 && virtuals[*reg].rows == 2;
      if (wider && is_float(op.from)) return false;
      op.sub = wider ? 1 : 0;
      op.a = source(kA, operands[1], wider ? Type::kB64 : op.from);
    }
    op.d = target(kD, operands[0], op.type);
    return true;
  }
  if (mnemonic == "cvta") {
    count(2);
    op.code = has("to") ? Code::kFromGeneric : Code::kToGeneric;
    op.space = space();
    op.a = source(kA, operands[1], op.type);
    op.d = target(kD, operands[0], op.type);
    return op.space != Space::kGeneric && bytes_of(op.type) == 8;
  }
  return false;
}

bool Decoder::arithmetic_instruction() {
  const bool sat = has("sat");
  if (mnemonic == "add" || mnemonic == "sub") {
    if (has("cc") || (sat && !is_float(op.type)) || (!nearest() && op.type != Type::kF32))
      return false;
    op.flag = sat;
    return binary(mnemonic == "add" ? Code::kAdd : Code::kSub);
  }
  if (mnemonic == "mul" || mnemonic == "mad" || mnemonic == "fma") {
    if (is_float(op.type)) {
      if ((!nearest() && op.type != Type::kF32) || has("relu")) return false;
      op.flag = sat;
      return mnemonic == "mul" ? binary(Code::kMulLo) : ternary(Code::kFma);
    }
    if (sat) return false;
    if (has("wide")) {
      const Type narrow = op.type, wide = wider(op.type);
      if (wide == Type::kNone) return false;
      op.code = mnemonic == "mul" ? Code::kMulWide : Code::kMadWide;
      op.from = narrow;
      op.type = wide;
      op.a = source(kA, operands[1], narrow);
      op.b = source(kB, operands[2], narrow);
      if (mnemonic == "mad") op.c = source(kC, operands[3], wide);
      op.d = target(kD, operands[0], wide);
      return true;
    }
    if (has("lo")) return mnemonic == "mul" ? binary(Code::kMulLo) : ternary(Code::kMadLo);
    if (has("hi")) return mnemonic == "mul" ? binary(Code::kMulHi) : ternary(Code::kMadHi);
    return false;
  }
  if (mnemonic == "div") {
    if (is_float(op.type) && !nearest()) return false;
    return binary(Code::kDiv);
  }
  if (mnemonic == "rem") return binary(Code::kRem);
  if (mnemonic == "min" || mnemonic == "max") {
    if (has("xorsign") || operands.size() != 3) return false;
    op.flag = has("NaN");
    return binary(mnemonic == "min" ? Code::kMin : Code::kMax);
  }
  if (mnemonic == "neg") return unary(Code::kNeg);
  if (mnemonic == "abs") return unary(Code::kAbs);
  return false;
}

bool Decoder::function_instruction() {
  if (mnemonic == "ex2" && has("approx")) return unary(Code::kEx2);
  if (mnemonic == "lg2" && has("approx")) return unary(Code::kLg2);
  if (mnemonic == "sin" && has("approx")) return unary(Code::kSin);
  if (mnemonic == "cos" && has("approx")) return unary(Code::kCos);
  if (mnemonic == "tanh" && has("approx")) return unary(Code::kTanh);
  if (mnemonic == "rcp" && (has("approx") || nearest())) return unary(Code::kRcp);
  if (mnemonic == "sqrt" && (has("approx") || nearest())) return unary(Code::kSqrt);
  if (mnemonic == "rsqrt" && has("approx")) return unary(Code::kRsqrt);
  return false;
}

}  // namespace nestor::ptx
