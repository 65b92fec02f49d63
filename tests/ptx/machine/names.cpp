#include "tests/ptx/machine/text.h"

namespace nestor::ptx {

int bytes_of(Type type) {
  switch (type) {
    case Type::kNone:
    case Type::kPred: return 0;
    case Type::kB8:
    case Type::kU8:
    case Type::kS8: return 1;
    case Type::kB16:
    case Type::kU16:
    case Type::kS16:
    case Type::kF16:
    case Type::kBf16: return 2;
    case Type::kB64:
    case Type::kU64:
    case Type::kS64:
    case Type::kF64: return 8;
    default: return 4;
  }
}

bool is_signed(Type type) {
  return type == Type::kS8 || type == Type::kS16 || type == Type::kS32 || type == Type::kS64;
}

bool is_float(Type type) {
  return type == Type::kF16 || type == Type::kBf16 || type == Type::kF32 || type == Type::kF64 ||
         type == Type::kF16x2 || type == Type::kBf16x2 || type == Type::kTf32;
}

const std::map<std::string_view, Type> kTypes = {
    {"pred", Type::kPred}, {"b8", Type::kB8},       {"u8", Type::kU8},
    {"s8", Type::kS8},     {"b16", Type::kB16},     {"u16", Type::kU16},
    {"s16", Type::kS16},   {"f16", Type::kF16},     {"bf16", Type::kBf16},
    {"b32", Type::kB32},   {"u32", Type::kU32},     {"s32", Type::kS32},
    {"f32", Type::kF32},   {"f16x2", Type::kF16x2}, {"bf16x2", Type::kBf16x2},
    {"tf32", Type::kTf32}, {"b64", Type::kB64},     {"u64", Type::kU64},
    {"s64", Type::kS64},   {"f64", Type::kF64}};

const std::map<std::string_view, Compare> kCompares = {
    {"eq", Compare::kEq},   {"ne", Compare::kNe},   {"lt", Compare::kLt},   {"le", Compare::kLe},
    {"gt", Compare::kGt},   {"ge", Compare::kGe},   {"lo", Compare::kLo},   {"ls", Compare::kLs},
    {"hi", Compare::kHi},   {"hs", Compare::kHs},   {"equ", Compare::kEqu}, {"neu", Compare::kNeu},
    {"ltu", Compare::kLtu}, {"leu", Compare::kLeu}, {"gtu", Compare::kGtu}, {"geu", Compare::kGeu},
    {"num", Compare::kNum}, {"nan", Compare::kNan}};

const std::map<std::string_view, SpecialRegister> kSpecials = {
    {"%tid.x", SpecialRegister::kTidX},
    {"%tid.y", SpecialRegister::kTidY},
    {"%tid.z", SpecialRegister::kTidZ},
    {"%ntid.x", SpecialRegister::kNtidX},
    {"%ntid.y", SpecialRegister::kNtidY},
    {"%ntid.z", SpecialRegister::kNtidZ},
    {"%ctaid.x", SpecialRegister::kCtaidX},
    {"%ctaid.y", SpecialRegister::kCtaidY},
    {"%ctaid.z", SpecialRegister::kCtaidZ},
    {"%nctaid.x", SpecialRegister::kNctaidX},
    {"%nctaid.y", SpecialRegister::kNctaidY},
    {"%nctaid.z", SpecialRegister::kNctaidZ},
    {"%laneid", SpecialRegister::kLaneid},
    {"%warpid", SpecialRegister::kWarpid},
    {"%nwarpid", SpecialRegister::kNwarpid},
    {"%clock", SpecialRegister::kClock},
    {"%clock64", SpecialRegister::kClock},
    {"%lanemask_lt", SpecialRegister::kLanemaskLt},
    {"%lanemask_le", SpecialRegister::kLanemaskLe},
    {"%lanemask_eq", SpecialRegister::kLanemaskEq},
    {"%lanemask_ge", SpecialRegister::kLanemaskGe},
    {"%lanemask_gt", SpecialRegister::kLanemaskGt},
    {"%dynamic_smem_size", SpecialRegister::kDynamicShared}};

}  // namespace nestor::ptx
