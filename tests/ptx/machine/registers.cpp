#include <algorithm>
#include <map>

#include "tests/ptx/machine/decoder.h"

namespace nestor::ptx {

// Liveness over the flow graph, then places by linear scan.
void Decoder::allocate() {
  const std::size_t num_ops = kernel.ops.size(), num_regs = virtuals.size();
  std::vector<std::size_t> first_reference(num_ops + 1, references.size());
  for (std::size_t r = references.size(); r-- > 0;) first_reference[references[r].op] = r;
  for (std::size_t o = num_ops; o-- > 0;) {
    first_reference[o] = std::min(first_reference[o], first_reference[o + 1]);
  }
  // Blocks.
  std::vector<char> leader(num_ops + 1, 0);
  leader[0] = 1;
  for (std::size_t o = 0; o < num_ops; ++o) {
    const Op& op_ = kernel.ops[o];
    if (op_.join) leader[o] = 1;
    if (op_.code == Code::kBranch || op_.code == Code::kReturn) leader[o + 1] = 1;
  }
  std::vector<std::size_t> begins;
  std::vector<std::size_t> block_of(num_ops);
  for (std::size_t o = 0; o < num_ops; ++o) {
    if (leader[o]) begins.push_back(o);
    block_of[o] = begins.size() - 1;
  }
  const std::size_t num_blocks = begins.size();
  begins.push_back(num_ops);
  const std::size_t words = (num_regs + 63) / 64;
  using Set = std::vector<u64>;
  std::vector<Set> use(num_blocks, Set(words)), def(num_blocks, Set(words)),
      in(num_blocks, Set(words)), out(num_blocks, Set(words));
  const auto test = [](const Set& s, u32 i) { return (s[i / 64] >> (i % 64) & 1) != 0; };
  const auto set = [](Set& s, u32 i) { s[i / 64] |= u64{1} << (i % 64); };
  for (std::size_t block = 0; block < num_blocks; ++block) {
    for (std::size_t o = begins[block]; o < begins[block + 1]; ++o) {
      for (std::size_t r = first_reference[o]; r < first_reference[o + 1]; ++r) {
        if (!references[r].def && !test(def[block], references[r].reg))
          set(use[block], references[r].reg);
      }
      for (std::size_t r = first_reference[o]; r < first_reference[o + 1]; ++r) {
        // A guarded write may not happen.
        if (references[r].def && kernel.ops[o].guard == kNoOperand)
          set(def[block], references[r].reg);
      }
    }
  }
  bool changed = true;
  while (changed) {
    changed = false;
    for (std::size_t block = num_blocks; block-- > 0;) {
      const Op& last = kernel.ops[begins[block + 1] - 1];
      const auto merge = [&](std::size_t next) {
        for (std::size_t w = 0; w < words; ++w) out[block][w] |= in[next][w];
      };
      if (last.code == Code::kBranch) merge(block_of[static_cast<std::size_t>(last.imm)]);
      const bool falls =
          !((last.code == Code::kBranch || last.code == Code::kReturn) && last.guard == kNoOperand);
      if (falls && block + 1 < num_blocks) merge(block + 1);
      for (std::size_t w = 0; w < words; ++w) {
        const u64 now = use[block][w] | (out[block][w] & ~def[block][w]);
        if (now != in[block][w]) {
          in[block][w] = now;
          changed = true;
        }
      }
    }
  }
  constexpr i64 kNever = -1;
  std::vector<i64> start(num_regs, kNever), stop(num_regs, kNever);
  const auto extend = [&](u32 reg, i64 at) {
    if (start[reg] == kNever || at < start[reg]) start[reg] = at;
    if (at > stop[reg]) stop[reg] = at;
  };
  for (std::size_t block = 0; block < num_blocks; ++block) {
    for (u32 reg = 0; reg < num_regs; ++reg) {
      if (test(in[block], reg)) extend(reg, static_cast<i64>(begins[block]));
      if (test(out[block], reg)) extend(reg, static_cast<i64>(begins[block + 1]) - 1);
    }
  }
  for (const Reference& r : references) extend(r.reg, r.op);
  std::vector<u32> place(num_regs, 0), order;
  for (u32 reg = 0; reg < num_regs; ++reg) {
    if (start[reg] == kNever) continue;
    if (test(in[0], reg)) {  // may be read before it is written
      stop[reg] = static_cast<i64>(num_ops);
      start[reg] = 0;
      kernel.unset_names.push_back(virtuals[reg].name);
    }
    order.push_back(reg);
  }
  std::sort(order.begin(), order.end(), [&](u32 x, u32 y) { return start[x] < start[y]; });
  std::vector<std::vector<u32>> free_places(3);
  std::multimap<i64, u32> busy;  // by where they end
  u32 rows = 0, preds = 0;
  for (const u32 reg : order) {
    while (!busy.empty() && busy.begin()->first < start[reg]) {
      const u32 done = busy.begin()->second;
      free_places[static_cast<std::size_t>(virtuals[done].rows)].push_back(place[done]);
      busy.erase(busy.begin());
    }
    auto& free = free_places[static_cast<std::size_t>(virtuals[reg].rows)];
    if (!free.empty()) {
      place[reg] = free.back();
      free.pop_back();
    } else if (virtuals[reg].rows == 0) {
      place[reg] = preds++;
    } else {
      place[reg] = rows;
      rows += static_cast<u32>(virtuals[reg].rows);
    }
    busy.insert({stop[reg], reg});
    if (test(in[0], reg)) {
      if (virtuals[reg].rows == 0) {
        kernel.unset_preds.push_back(place[reg]);
      } else {
        for (int row = 0; row < virtuals[reg].rows; ++row)
          kernel.unset_rows.push_back(place[reg] + static_cast<u32>(row));
      }
    }
  }
  kernel.num_rows = rows;
  kernel.num_preds = preds;
  for (const Reference& r : references) {
    Op& o = kernel.ops[r.op];
    const u32 p = place[r.reg];
    switch (r.field) {
      case kD: o.d = p; break;
      case kA: o.a = p; break;
      case kB: o.b = p; break;
      case kC: o.c = p; break;
      case kE: o.e = p; break;
      case kGuard: o.guard = p; break;
      case kExtra: kernel.extra[r.extra] = p; break;
    }
  }
}

}  // namespace nestor::ptx
