#pragma once
// The CUDA device: kernels of our own, reached through the table of libnestor_cuda.so.
//
// Choosing needs a DeviceSpec and nothing else, so plans for any GPU can be made anywhere. Tensors
// are NHWC, channels padded with zeros to a multiple of 8 (Layout::kNhwc8), float16 or float32.

#include <functional>
#include <map>
#include <mutex>
#include <string>

#include "engine/backend.h"
#include "engine/backends/cuda/device_memory.h"
#include "engine/backends/cuda/device_spec.h"
#include "kernels/runtime/library.h"
#include "nestor/error.h"

namespace nestor {

struct CudaVariant;

// A library lacks a launcher, or has it for other arguments: the variant that wants it cannot run.
class MissingLauncher : public Error {
 public:
  explicit MissingLauncher(const std::string& message) : Error(ErrorCode::kUnsupported, message) {}
};

class CudaBackend : public Backend {
 public:
  // Only described, not there: for plans.
  explicit CudaBackend(const DeviceSpec& spec);
  // The device `device` of a library that lives as long as the backend. `name`: "cuda:0".
  CudaBackend(const DeviceLibrary& library, std::string name, int device);

  std::string_view name() const override { return name_; }
  void require(Precision precision) const override;
  Precision default_precision() const override { return Precision::kFp16; }
  bool can_run() const override { return library_ != nullptr; }
  std::optional<DevicePeaks> peaks(Precision precision) const override;
  bool fuses_loads() const override { return true; }
  StepChoice choose(const StepRequest& request) override;
  StepChoice choose_conversion(const Shape& shape, BufferFormat from, BufferFormat to,
                               int threads) override;
  bool same_bytes(const Shape& shape, BufferFormat a, BufferFormat b) const override;
  std::size_t buffer_bytes(const Shape& shape, BufferFormat format) const override;
  std::size_t loaded_weight_bytes() const override;
  bool has_own_memory() const override { return true; }
  std::unique_ptr<ExecutionContext> make_context(int threads) override;
  std::optional<TuningKey> tuning_key(Precision precision) const override;
  void tune(const StepRequest& request, const Constants& constants, const TuneOptions& options,
            TuningReport& report) override;
  std::shared_ptr<void> allocate(std::size_t bytes) override;
  std::shared_ptr<void> allocate_host(std::size_t bytes) override;

  const DeviceSpec& spec() const { return spec_; }

  // Throw kUnsupported if the device is only described.
  const DeviceLibrary& library() const;
  const cuda::Runtime& runtime() const;

  // The library's launcher of that name, for a step that is being chosen; null if the device is only
  // described. Throws MissingLauncher.
  template <class Args>
  Launcher<Args> launcher(std::string_view launcher_name) const {
    return reinterpret_cast<Launcher<Args>>(find_launcher(launcher_name, sizeof(Args)));
  }

  // The variant's choice; without a kernel, and why, if the library lacks a launcher of it.
  StepChoice choice_of(const CudaVariant& variant, const StepRequest& request);

  // The format in which activations lie in that precision.
  static BufferFormat activation_format(Precision precision);

  // Constant bytes on the device under a name that says what they are ("layer1.0.conv1.weight
  // nhwc8 float16"), by `fill` if nobody has made them yet. They are zero before `fill`.
  using Fill = std::function<void(std::byte* bytes)>;
  std::shared_ptr<const cuda::Memory> constant(const std::string& name, std::size_t bytes,
                                               const Fill& fill);

  // Copies to the device and waits for it.
  void upload(void* dst, const void* src, std::size_t bytes) const;

 private:
  LauncherRow::Function find_launcher(std::string_view launcher_name, std::size_t args_bytes) const;

  std::string name_;
  DeviceSpec spec_;
  std::string device_name_;
  const DeviceLibrary* library_ = nullptr;
  std::map<std::string_view, LauncherRow> launchers_;  // of the library
  cuda::Runtime runtime_;
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<const cuda::Memory>> constants_;
};

// The devices of a library, called "<kind>:0" and so on. One that fails is listed with the reason.
std::vector<DeviceInfo> list_gpus(const DeviceLibrary& library, std::string_view kind);

// One way to run an op on a GPU.
struct CudaVariant {
  std::string_view name;
  // No kernel if the variant cannot do it on backend.spec(). The choice says its launch (grid,
  // shared memory, modelled time).
  StepChoice (*choose)(const StepRequest& request, CudaBackend& backend);
  // Tiles and splits that it can do it with, the model's favourite first and each with the model's
  // time; null: `choose` has no such choice. StepRequest::pinned is one of these.
  std::vector<TunedChoice> (*candidates)(const StepRequest& request,
                                         CudaBackend& backend) = nullptr;
};

// What <op>_cuda() of engine/ops/<op>/cuda.cpp offers: the preferred variant first.
struct CudaVariants {
  std::span<const CudaVariant> variants;
  // Names what is to be computed, for tuning files; null if there is nothing to tune.
  std::string (*problem)(const StepRequest& request) = nullptr;
};

// Opens "cuda", "cuda:1", "cuda:sm_70" and, in builds that have the emulator, "simt".
std::unique_ptr<Backend> open_cuda_backend(std::string_view device);

}  // namespace nestor
