// Kernels as the machine executes them: compact operations on places of a register file.
#pragma once

#include <utility>
#include <vector>

#include "tests/ptx/machine/types.h"

namespace nestor::ptx {

enum class Compare : u8 {
  kEq,
  kNe,
  kLt,
  kLe,
  kGt,
  kGe,
  kLo,
  kLs,
  kHi,
  kHs,
  kEqu,
  kNeu,
  kLtu,
  kLeu,
  kGtu,
  kGeu,
  kNum,
  kNan
};
enum class Round : u8 {
  kNone,
  kNearest,
  kZero,
  kDown,
  kUp,
  kIntNearest,
  kIntZero,
  kIntDown,
  kIntUp
};

// One kind of work; the type beside it says on what.
enum class Code : u8 {
  kMove,
  kSpecial,
  kAdd,
  kSub,
  kMulLo,
  kMulHi,
  kMulWide,
  kMadLo,
  kMadHi,
  kMadWide,
  kDiv,
  kRem,
  kMin,
  kMax,
  kNeg,
  kAbs,
  kFma,
  kAnd,
  kOr,
  kXor,
  kNot,
  kShl,
  kShr,
  kShfL,
  kShfR,
  kPopc,
  kClz,
  kBrev,
  kBfind,
  kBfe,
  kBfi,
  kPrmt,
  kLop3,
  kSad,
  kSetp,
  kSet,
  kSelp,
  kSlct,
  kConvert,
  kEx2,
  kLg2,
  kRcp,
  kSqrt,
  kRsqrt,
  kSin,
  kCos,
  kTanh,
  kPack,
  kUnpack,
  kLoad,
  kStore,
  kAtom,
  kBranch,
  kReturn,
  kTrap,
  kBarrier,
  kBarrierArrive,
  kWarpBarrier,
  kShuffle,
  kVote,
  kActiveMask,
  kFence,
  kMma,
  kLdmatrix,
  kCopyAsync,
  kCopyCommit,
  kCopyWait,
  kNothing,
  kToGeneric,
  kFromGeneric,
  kUnknown
};

enum class AtomicOp : u8 { kAdd, kMin, kMax, kAnd, kOr, kXor, kExch, kCas, kInc, kDec };
enum class MmaShape : u8 { kM8N8K4, kM16N8K8, kM16N8K16 };
enum class SpecialRegister : u8 {
  kTidX,
  kTidY,
  kTidZ,
  kNtidX,
  kNtidY,
  kNtidZ,
  kCtaidX,
  kCtaidY,
  kCtaidZ,
  kNctaidX,
  kNctaidY,
  kNctaidZ,
  kLaneid,
  kWarpid,
  kNwarpid,
  kClock,
  kLanemaskLt,
  kLanemaskLe,
  kLanemaskEq,
  kLanemaskGe,
  kLanemaskGt,
  kDynamicShared
};

// An operand is a place: a number of 128-byte rows into the register file, or into the kernel's
// constants where the top bit is set. 64-bit values have two rows. Predicates are numbers of masks.
constexpr u32 kConstant = 0x80000000u;
constexpr u32 kNoOperand = 0x7fffffffu;

struct Op {
  Code code = Code::kUnknown;
  Type type = Type::kNone;  // of the result
  Type from = Type::kNone;  // of the source of a conversion, of the operands of a comparison
  Space space = Space::kGeneric;
  u8 sub = 0;    // which comparison, atomic operation, shape, boolean operator, ...
  u8 count = 0;  // elements of a vector
  u8 round = 0;
  bool flag = false;  // .sat, .trans, wait, saturate: as the code likes
  bool ftz = false;
  bool join = false;  // a label is here: lanes may meet
  bool negate_guard = false;
  bool negate_c = false;  // setp with a boolean operator: !c
  u32 guard = kNoOperand;
  u32 d = kNoOperand, a = kNoOperand, b = kNoOperand, c = kNoOperand, e = kNoOperand;
  u32 extra = 0;  // first of further operands (vectors, tensor cores)
  u32 line = 0;   // of the PTX text
  i64 imm = 0;    // offset of an address, target of a branch
};

struct Kernel {
  std::string name;
  int param_bytes = 0;
  std::vector<std::pair<int, int>> params;  // offset, bytes
  int max_threads = 1024;
  int static_shared = 0;
  int local_bytes = 0;
  std::vector<Op> ops;
  std::vector<u32> extra;
  std::vector<u32> constants;  // rows of 32 lanes
  u32 num_rows = 0, num_preds = 0;
  std::vector<u32> unset_rows;  // rows that may be read before they are written
  std::vector<u32> unset_preds;
  std::vector<std::string> unset_names;
  bool copies_async = false;
  u32 smallest_shared = 4;          // bytes of the smallest access of shared memory, at most 4
  mutable std::vector<u8> covered;  // of each operation: whether it was executed
  std::string error;                // why it cannot be decoded
};

}  // namespace nestor::ptx
