#include <cstring>

#include "tests/ptx/machine/executor.h"
#include "tests/ptx/machine/tensor.h"

namespace nestor::ptx {

// What a lane reads, and not what it gives the address of, must have been written before.
void Executor::check_matrix_races(const Op& op, const u64* rows) {
  u64 address[kLanes];
  for (u32 m = 0; m < op.count; ++m) {
    const u64* of_matrix = rows + 8 * m;
    if (op.sub == 0) {
      for (int lane = 0; lane < kLanes; ++lane) {
        address[lane] = of_matrix[lane / 4] + 4 * static_cast<u64>(lane % 4);
      }
      check_races(op, address, ~0u, 4, /*write=*/false);
      continue;
    }
    for (int next = 0; next < 2; ++next) {
      for (int lane = 0; lane < kLanes; ++lane) {
        address[lane] = of_matrix[2 * (lane % 4) + next] + 2 * static_cast<u64>(lane / 4);
      }
      check_races(op, address, ~0u, 2, /*write=*/false);
    }
  }
}

void Executor::ldmatrix(const Op& op) {
  if (warp_->active != ~0u)
    fault(op, first_lane(~warp_->active), "ldmatrix without all lanes of the warp");
  u64 address[kLanes];
  u8* row[kLanes];
  addresses(op, address);
  // Lanes 8 m to 8 m + 7 give the rows of matrix m.
  const u32 asked = op.count == 4 ? ~0u : (1u << (8 * op.count)) - 1;
  u64 inside[kLanes];
  for (int lane = 0; lane < kLanes; ++lane) {
    inside[lane] = address[lane];
    if (op.space == Space::kGeneric && (asked >> lane & 1) != 0) {
      if ((address[lane] & kWindowMask) != kSharedWindow)
        fault(op, lane, "ldmatrix from what is not shared memory");
      inside[lane] &= ~kWindowMask;
    }
  }
  translate_shared(op, inside, asked, 16, row);
  // Before sm_80 "all threads must contain valid addresses".
  if (options().sm < 80 && asked != ~0u) translate_shared(op, inside, ~asked, 16, row);
  if (options().races) check_matrix_races(op, inside);
  for (u32 m = 0; m < op.count; ++m) {
    u16 matrix[8][8];
    for (u32 r = 0; r < 8; ++r) std::memcpy(matrix[r], row[8 * m + r], 16);
    u32* d = at(extra_[op.extra + m]);
    for (int lane = 0; lane < kLanes; ++lane) {
      // Thread t holds row t / 4, elements 2 (t % 4) and the next; of the transposed matrix with
      // .trans.
      const int r = lane / 4, c = 2 * (lane % 4);
      const u32 low = op.sub == 0 ? matrix[r][c] : matrix[c][r];
      const u32 high = op.sub == 0 ? matrix[r][c + 1] : matrix[c + 1][r];
      d[lane] = low | high << 16;
    }
  }
}

void Executor::tensor(const Op& op) {
  if (warp_->active != ~0u)
    fault(op, first_lane(~warp_->active), "mma without all lanes of the warp");
  const MmaShape shape = static_cast<MmaShape>(op.sub);
  u32 num_a = 4, num_b = 2, num_d = 4;
  if (shape == MmaShape::kM8N8K4) num_a = 2, num_d = 8;
  if (shape == MmaShape::kM16N8K8 && op.type != Type::kTf32) num_a = 2, num_b = 1;
  const u32 *a[4], *b[2], *c[8];
  u32* d[8];
  const u32* places = extra_ + op.extra;
  for (u32 i = 0; i < num_a; ++i) a[i] = at(*places++);
  for (u32 i = 0; i < num_b; ++i) b[i] = at(*places++);
  for (u32 i = 0; i < num_d; ++i) c[i] = at(*places++);
  for (u32 i = 0; i < num_d; ++i) d[i] = at(*places++);
  mma(shape, op.type, a, b, c, d);
}

}  // namespace nestor::ptx
