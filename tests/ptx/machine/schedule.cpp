#include "tests/ptx/machine/executor.h"
#include "tests/ptx/machine/machine.h"

namespace nestor::ptx {

// Takes blocks from `next` until there are none, a few at a time.
void Executor::run_blocks(const std::function<bool(u32*)>& next) {
  std::vector<std::unique_ptr<Block>> resident;
  const std::size_t wanted = 1 + random_() % 3;
  bool more = true;
  std::vector<std::pair<Block*, Warp*>> ready;
  while (true) {
    while (more && resident.size() < wanted) {
      u32 index[3];
      if (!next(index)) {
        more = false;
        break;
      }
      std::unique_ptr<Block> block;
      if (spare_.empty()) {
        block = std::make_unique<Block>();
      } else {
        block = std::move(spare_.back());
        spare_.pop_back();
      }
      start(*block, index);
      resident.push_back(std::move(block));
    }
    if (resident.empty()) break;
    ready.clear();
    for (auto& block : resident) {
      for (Warp& warp : block->warps) {
        if (!warp.done && !warp.at_barrier) ready.emplace_back(block.get(), &warp);
      }
    }
    if (ready.empty()) deadlock(*resident.front());
    // Mostly short turns, sometimes to the next barrier: both orders show what is missing.
    const auto [block, warp] = ready[random_() % ready.size()];
    const u64 dice = random_();
    const u64 quantum = dice % 4 == 0 ? 1000000 : 16 + dice / 4 % 500;
    turn(*block, *warp, quantum);
    std::erase_if(resident, [&](std::unique_ptr<Block>& b) {
      for (const Warp& w : b->warps) {
        if (!w.done) return false;
      }
      ++blocks_;
      finish(*b);
      spare_.push_back(std::move(b));
      return true;
    });
  }
}

void Executor::start(Block& block, const u32* index) {
  std::copy(index, index + 3, block.index);
  block.late = options().async == 2 ? random_() % 2 == 0 : options().async == 1;
  block.shared_bytes = static_cast<u32>(kernel_.static_shared);
  if (launch_.dynamic_shared != 0) {
    block.shared_bytes = (block.shared_bytes + 127) / 128 * 128 + launch_.dynamic_shared;
  }
  block.shared_storage.assign(block.shared_bytes + 128, 0xff);
  block.shared = block.shared_storage.data();
  block.local.assign(static_cast<std::size_t>(kernel_.local_bytes) * threads_, 0xff);
  const std::size_t num_warps = (threads_ + kLanes - 1) / kLanes;
  block.warps.resize(num_warps);
  for (Barrier& barrier : block.barriers) barrier = Barrier{};
  for (std::size_t w = 0; w < num_warps; ++w) {
    Warp& warp = block.warps[w];
    warp.index = static_cast<int>(w);
    warp.pc = 0;
    const u32 lanes = std::min<u32>(kLanes, threads_ - static_cast<u32>(w) * kLanes);
    warp.live = warp.active = lanes == 32 ? ~0u : (1u << lanes) - 1;
    warp.others.clear();
    warp.rows.resize(static_cast<std::size_t>(kernel_.num_rows) * kLanes + 16);
    warp.preds.resize(kernel_.num_preds + 1);
    for (const u32 row : kernel_.unset_rows) {
      std::fill_n(warp.rows.data() + static_cast<std::size_t>(row) * kLanes, kLanes, 0xffffffffu);
    }
    for (const u32 pred : kernel_.unset_preds) warp.preds[pred] = static_cast<u32>(random_());
    warp.copies.clear();
    std::fill(std::begin(warp.groups), std::end(warp.groups), 0u);
    warp.at_barrier = warp.done = false;
  }
  if (options().global_races) global_races.start_block(block.global, static_cast<int>(num_warps));
  if (options().races)
    block.races.start(static_cast<int>(num_warps), block.shared_bytes, kernel_.smallest_shared);
}

void Executor::finish(Block& block) {
  for (Warp& warp : block.warps) {
    // Copies that nobody waited for still arrive.
    for (const Copy& copy : warp.copies) deliver(block, copy);
  }
}

void Executor::turn(Block& block, Warp& warp, u64 quantum) {
  block_ = &block;
  warp_ = &warp;
  const Stop stop = run(quantum);
  if (stop == Stop::kExit) {
    warp.done = true;
    // A barrier of the whole block waits for living threads only.
    for (u32 b = 0; b < 16; ++b) {
      if (block.barriers[b].whole_block) complete(block, b);
    }
  }
}

std::string Executor::where(const Block& block) const {
  return demangle(kernel_.name) + ", block (" + std::to_string(block.index[0]) + ", " +
         std::to_string(block.index[1]) + ", " + std::to_string(block.index[2]) + ")";
}

void Executor::fault(const Op& op, int lane, const std::string& what) const {
  throw Fault(where(*block_) + ", thread " + std::to_string(warp_->index * kLanes + lane) +
              ", line " + std::to_string(op.line) + " (" + launch_.module->line(op.line) +
              "): " + what);
}

void Executor::unknown(const Op& op) {
  fault(op, first_lane(warp_->active), "an instruction that this machine does not know");
}

void Executor::deadlock(const Block& block) {
  std::string text = where(block);
  text += ": all warps wait at barriers that nobody else will reach:";
  for (const Warp& warp : block.warps) {
    if (warp.done) continue;
    text += " warp " + std::to_string(warp.index) + " at barrier " + std::to_string(warp.barrier) +
            " (line " + std::to_string(ops_[warp.pc - 1].line) + ");";
  }
  throw Fault(text);
}

}  // namespace nestor::ptx
