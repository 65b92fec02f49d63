#pragma once
// Measures how a step runs fastest on the GPU at hand.

#include "engine/backends/cuda/cuda_backend.h"

namespace nestor::cuda {

// Runs the candidates that the model likes best, on made-up activations and the step's own weights,
// and adds the fastest to the report as the choice for `problem`. Each is first run once. Then they
// run in turns, with L2 emptied before each run as other steps would, and medians are compared. The
// clock is that of the device's events.
void tune_step(const StepRequest& request, std::span<const CudaVariant> variants,
               const Constants& constants, const TuneOptions& options, CudaBackend& backend,
               TuningReport& report, const std::string& problem);

}  // namespace nestor::cuda
