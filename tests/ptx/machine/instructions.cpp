// What the decoding of all instructions shares.
#include "tests/ptx/machine/decoder.h"

namespace nestor::ptx {

bool Decoder::has(std::string_view part) const {
  return std::find(parts.begin() + 1, parts.end(), part) != parts.end();
}

void Decoder::count(std::size_t wanted) {
  if (operands.size() != wanted) fail("expected " + std::to_string(wanted) + " operands");
}

Round Decoder::round() const {
  static const std::map<std::string_view, Round> kRounds = {
      {"rn", Round::kNearest},  {"rz", Round::kZero},        {"rm", Round::kDown},
      {"rp", Round::kUp},       {"rni", Round::kIntNearest}, {"rzi", Round::kIntZero},
      {"rmi", Round::kIntDown}, {"rpi", Round::kIntUp}};
  for (std::size_t i = 1; i < parts.size(); ++i) {
    if (const auto r = kRounds.find(parts[i]); r != kRounds.end()) return r->second;
  }
  return Round::kNone;
}

bool Decoder::nearest() const { return round() == Round::kNone || round() == Round::kNearest; }

Space Decoder::space() const {
  for (std::size_t i = 1; i < parts.size(); ++i) {
    if (parts[i] == "global") return Space::kGlobal;
    if (parts[i] == "shared" || parts[i] == "shared::cta") return Space::kShared;
    if (parts[i] == "local") return Space::kLocal;
    if (parts[i] == "param") return Space::kParam;
    if (parts[i] == "const") return Space::kConst;
  }
  return Space::kGeneric;
}

bool Decoder::unary(Code code) {
  count(2);
  op.code = code;
  op.a = source(kA, operands[1], op.type);
  op.d = target(kD, operands[0], op.type);
  return true;
}

bool Decoder::binary(Code code) {
  count(3);
  op.code = code;
  op.a = source(kA, operands[1], op.type);
  op.b = source(kB, operands[2], op.type);
  op.d = target(kD, operands[0], op.type);
  return true;
}

bool Decoder::ternary(Code code) {
  count(4);
  op.code = code;
  op.a = source(kA, operands[1], op.type);
  op.b = source(kB, operands[2], op.type);
  op.c = source(kC, operands[3], op.type);
  op.d = target(kD, operands[0], op.type);
  return true;
}

bool Decoder::instruction() {
  types.clear();
  for (std::size_t i = 1; i < parts.size(); ++i) {
    if (const auto type = kTypes.find(parts[i]); type != kTypes.end())
      types.push_back(type->second);
  }
  if (!types.empty()) op.type = types[0];
  op.ftz = has("ftz");
  op.round = static_cast<u8>(round());
  return move_instruction() || arithmetic_instruction() || bits_instruction() ||
         function_instruction() || choice_instruction() || compare_instruction() ||
         memory_instruction() || atomic_instruction() || copy_instruction() ||
         control_instruction() || warp_instruction() || tensor_instruction();
}

}  // namespace nestor::ptx
