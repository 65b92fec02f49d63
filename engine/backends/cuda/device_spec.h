#pragma once
// What a GPU is, as far as plans are chosen by it: one row an architecture. Plans for a GPU that is
// not at hand ("cuda:sm_70") are made from these rows alone.

#include <span>
#include <string_view>

#include "engine/backend.h"

namespace nestor {

struct DeviceSpec {
  std::string_view name;    // "sm_70"
  std::string_view device;  // the card whose numbers the row has
  int sm;                   // compute capability times 10

  // --- by data sheets and white papers; peaks dense, at boost clock ---
  int multiprocessors;
  double clock_ghz;     // at which the peaks are quoted
  double fp16_tflops;   // tensor cores, fp32 accumulation
  double fp32_tflops;   // outside the tensor cores
  double dram_gb_s;     //
  int shared_block;     // bytes that a block can have, with the opt-in
  int shared_sm;        // bytes of a multiprocessor that blocks can share
  int tensor_macs;      // fp16 multiply-adds of the tensor cores, a clock and multiprocessor
  int fp32_macs;        // fp32 multiply-adds, likewise
  double shared_bytes;  // of shared memory, a clock and multiprocessor

  // --- measured by others, or estimated: the model of gemm_model.h rests on these ---
  double l2_bytes;        // from L2, a clock and multiprocessor
  double l2_keep;         // bytes of a step's tensors that the step before left in L2
  double dram_share;      // of the data sheet's bandwidth that copies reach
  double efficiency;      // of the peak that a long main loop reaches
  double gather_share;    // of that, with 3x3 addressing
  double mma_share;       // of the tensor peak that mma.sync can reach (Hopper's needs wgmma)
  double fragment_reads;  // wavefronts of shared memory for one of a fragment's bytes / 128
  double tap_reuse;       // of a 3x3's taps, the share that misses L1
  double launch_us;       // between two kernels of a graph
  double fill_us;         // from a block's start to full speed and from its end to the last store
  double wave_us;         // each further wave of single blocks
  double reduce_us;       // split-K hand-over, besides its traffic
  double attention_us;    // latency of two small dependent layers
  double attention_gb_s;  // at which one block streams weights

  double hz() const { return clock_ghz * 1e9; }
  double l2_gb_s() const { return l2_bytes * multiprocessors * clock_ghz; }
  DevicePeaks peaks(Precision precision) const;
};

// In the order of their architectures.
std::span<const DeviceSpec> device_specs();

// "sm_70"; null if there is no such row.
const DeviceSpec* find_device_spec(std::string_view name);

// The row of the newest architecture that is not newer; null for GPUs before sm_70.
const DeviceSpec* device_spec_for(int sm);

}  // namespace nestor
