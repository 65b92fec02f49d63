#include "engine/backends/cuda/cuda_backend.h"

#include <charconv>
#include <ranges>

#include "engine/backends/cuda/check.h"
#include "engine/backends/cuda/conversion.h"
#include "engine/backends/cuda/cuda_context.h"
#include "engine/backends/cuda/device_library.h"
#include "engine/backends/cuda/step.h"
#include "engine/backends/cuda/tune.h"
#include "engine/backends/variant_list.h"
#include "engine/ops/registry.h"
#include "kernels/convolution/tiles.h"
#include "nestor/version.h"

namespace nestor {

namespace {

constexpr std::int64_t kChannelPadding = 8;

// What the device at hand says of itself goes before its row of the table.
DeviceSpec described_by(const DeviceProperties& properties, std::string_view name) {
  const DeviceSpec* const row = device_spec_for(properties.sm);
  CHECK_AS(kUnsupported, row != nullptr,
           "{} is {} (sm_{}): Nestor needs a GPU of compute capability 7.0 or newer", name,
           properties.name, properties.sm);
  DeviceSpec spec = *row;
  spec.sm = properties.sm;
  spec.multiprocessors = properties.num_multiprocessors;
  spec.shared_block = properties.shared_bytes_per_block;
  spec.shared_sm = properties.shared_bytes_per_multiprocessor;
  const double speed = static_cast<double>(spec.multiprocessors) / row->multiprocessors;
  spec.fp16_tflops *= speed;
  spec.fp32_tflops *= speed;
  return spec;
}

std::int64_t channels_of(const Shape& shape) { return shape.rank() > 1 ? shape[1] : 1; }

}  // namespace

CudaBackend::CudaBackend(const DeviceSpec& spec)
    : name_(fmt::format("cuda:{}", spec.name)), spec_(spec), device_name_(spec.device) {}

CudaBackend::CudaBackend(const DeviceLibrary& library, std::string name, int device)
    : name_(std::move(name)), library_(&library) {
  int count = 0;
  DEVICE_CHECK(library.count_devices(count));
  CHECK_AS(kUnsupported, device < count, "there is no {}: {} GPUs were found", name_, count);
  runtime_.reset(library.make_runtime(device));
  CHECK_AS(kOutOfMemory, runtime_ != nullptr, "no memory for the runtime of {}", name_);
  DeviceProperties properties;
  DEVICE_CHECK(runtime_->properties(properties));
  spec_ = described_by(properties, name_);
  device_name_ = properties.name;
  for (const LauncherRow& row : std::span(library.launchers, library.num_launchers)) {
    const bool is_new = launchers_.emplace(row.name, row).second;
    CHECK(is_new, "the library of {} has two launchers '{}'", name_, row.name);
  }
}

LauncherRow::Function CudaBackend::find_launcher(std::string_view launcher_name,
                                                 std::size_t args_bytes) const {
  if (library_ == nullptr) return nullptr;
  const auto found = launchers_.find(launcher_name);
  if (found == launchers_.end()) {
    throw MissingLauncher(
        fmt::format("the library of {} has no launcher '{}'", name_, launcher_name));
  }
  if (found->second.args_bytes != args_bytes) {
    throw MissingLauncher(
        fmt::format("the library of {} has launcher '{}' for arguments of {} bytes, expected {}",
                    name_, launcher_name, found->second.args_bytes, args_bytes));
  }
  return found->second.function;
}

void CudaBackend::require(Precision precision) const {
  CHECK_AS(kUnsupported, precision == Precision::kFp16 || precision == Precision::kFp32,
           "the CUDA device computes in fp16 and fp32, not in {}", to_string(precision));
}

std::optional<DevicePeaks> CudaBackend::peaks(Precision precision) const {
  DevicePeaks peaks = spec_.peaks(precision);
  peaks.device = device_name_;
  return peaks;
}

BufferFormat CudaBackend::activation_format(Precision precision) {
  return {precision == Precision::kFp16 ? DType::kFloat16 : DType::kFloat32, Layout::kNhwc8};
}

namespace {

CudaVariants variants_of(const Op& op) {
  const AdmittedOp* const row = find_admitted(op);
  return row == nullptr ? CudaVariants{} : row->cuda();
}

// What the tuning says of the step; null if it says nothing, or what is excluded.
const TunedChoice* tuned_choice(const StepRequest& request, const CudaVariants& offered) {
  if (request.tuning == nullptr || !request.forced_variant.empty() || offered.problem == nullptr) {
    return nullptr;
  }
  const auto found = request.tuning->find(offered.problem(request));
  if (found == request.tuning->end()) return nullptr;
  const bool excluded = std::ranges::count(request.excluded_variants, found->second.variant) > 0;
  return excluded ? nullptr : &found->second;
}

}  // namespace

// Of ops that the registry admits without variants for CUDA.
CudaVariants no_cuda() { return {}; }

StepChoice CudaBackend::choice_of(const CudaVariant& variant, const StepRequest& request) {
  try {
    return variant.choose(request, *this);
  } catch (const MissingLauncher& error) {
    return {.why_not = fmt::format("{}: {}", variant.name, error.what())};
  }
}

StepChoice CudaBackend::choose(const StepRequest& request) {
  const CudaVariants offered = variants_of(*request.node.op);
  const std::span<const CudaVariant> variants = offered.variants;
  const auto choose_from = [&](const StepRequest& wanted) {
    return first_choice(wanted, variants,
                        [&](const CudaVariant& variant) { return choice_of(variant, wanted); });
  };
  const TunedChoice* const tuned = tuned_choice(request, offered);
  if (tuned == nullptr) return choose_from(request);
  StepRequest pinned = request;
  pinned.forced_variant = tuned->variant;
  pinned.pinned = tuned;
  const auto variant = std::ranges::find(variants, tuned->variant, &CudaVariant::name);
  const bool possible = variant != variants.end() && (variant->candidates != nullptr ||
                                                      (tuned->tile.empty() && tuned->splits == 1));
  StepChoice choice = possible ? choose_from(pinned) : StepChoice{};
  if (choice.kernel == nullptr) {
    throw TuningError(fmt::format("{} ({}) cannot run as variant '{}', tile '{}', {} splits{}",
                                  request.node.name, offered.problem(request), tuned->variant,
                                  tuned->tile, tuned->splits,
                                  choice.why_not.empty() ? "" : ": " + choice.why_not));
  }
  choice.gpu->tuned = true;
  return choice;
}

std::optional<TuningKey> CudaBackend::tuning_key(Precision precision) const {
  return TuningKey{
      .gpu = can_run() ? device_name_ : "",
      .architecture = fmt::format("sm_{}", spec_.sm),
      .toolkit = can_run() ? library_->toolkit : "",
      .kernels = fmt::format("{} api {} tiles {:016x}", version_info().version,
                             kDeviceLibraryVersion, convolution_tiles_digest(spec_.sm)),
      .precision = precision};
}

void CudaBackend::tune(const StepRequest& request, const Constants& constants,
                       const TuneOptions& options, TuningReport& report) {
  const CudaVariants offered = variants_of(*request.node.op);
  if (offered.problem == nullptr) return;
  const std::string problem = offered.problem(request);
  const bool known = std::ranges::count(report.problems, problem, &TunedProblem::problem) > 0;
  if (known) return;
  cuda::tune_step(request, offered.variants, constants, options, *this, report, problem);
}

StepChoice CudaBackend::choose_conversion(const Shape& shape, BufferFormat from, BufferFormat to,
                                          int) {
  return cuda::choose_conversion(shape, from, to, *this);
}

bool CudaBackend::same_bytes(const Shape& shape, BufferFormat a, BufferFormat b) const {
  if (a == b) return true;
  const std::int64_t pixels = shape.num_elements() / shape[0] / channels_of(shape);
  if (a.dtype != b.dtype || b.sums_tile > 0) return false;  // sums are never made afterwards
  return a.layout == b.layout || (pixels == 1 && channels_of(shape) % kChannelPadding == 0);
}

std::size_t CudaBackend::buffer_bytes(const Shape& shape, BufferFormat format) const {
  std::int64_t elements = shape.num_elements();
  if (format.layout == Layout::kNhwc8 && shape.rank() > 1) {
    const std::int64_t channels = channels_of(shape);
    const std::int64_t padded = (channels + kChannelPadding - 1) / kChannelPadding;
    elements = elements / channels * padded * kChannelPadding;
  }
  return static_cast<std::size_t>(elements) * size_bytes(format.dtype) +
         cuda::sums_bytes(shape, format);
}

const DeviceLibrary& CudaBackend::library() const {
  CHECK_AS(kUnsupported, library_ != nullptr, "{} is a device for plans only: nothing runs on it",
           name_);
  return *library_;
}

const cuda::Runtime& CudaBackend::runtime() const {
  static_cast<void>(library());
  return runtime_;
}

namespace {

// Of devices that are only described.
class NoContext : public ExecutionContext {
 public:
  explicit NoContext(const CudaBackend& backend) : backend_(backend) {}

  void upload(void*, const void*, std::size_t) override { refuse(); }
  void run(StepKernels, std::unique_ptr<Recording>&) override { refuse(); }
  void download(std::span<const Download>) override { refuse(); }
  std::vector<double> time_steps(StepKernels) override {
    refuse();
    return {};
  }

 private:
  void begin() noexcept override {}
  void end() noexcept override {}
  void refuse() const { static_cast<void>(backend_.library()); }

  const CudaBackend& backend_;
};

}  // namespace

std::size_t CudaBackend::loaded_weight_bytes() const {
  const std::lock_guard lock(mutex_);
  std::size_t bytes = 0;
  for (const auto& [name, memory] : constants_) bytes += memory->bytes();
  return bytes;
}

std::unique_ptr<ExecutionContext> CudaBackend::make_context(int) {
  if (!can_run()) return std::make_unique<NoContext>(*this);
  return std::make_unique<cuda::CudaContext>(runtime());
}

std::shared_ptr<void> CudaBackend::allocate(std::size_t bytes) {
  std::size_t free_bytes = 0;
  DEVICE_CHECK(runtime()->free_memory(free_bytes));
  CHECK_AS(kOutOfMemory, bytes <= free_bytes,
           "an arena of {} bytes is needed, {} bytes of {}'s memory are free", bytes, free_bytes,
           name_);
  const auto memory =
      std::make_shared<cuda::Memory>(runtime(), bytes, cuda::Memory::Place::kDevice);
  const cuda::OwnedStream stream(runtime_);
  DEVICE_CHECK(runtime_->fill(memory->get(), 0, bytes, stream.get()));
  DEVICE_CHECK(runtime_->synchronize(stream.get()));
  return {memory, memory->get()};
}

std::shared_ptr<void> CudaBackend::allocate_host(std::size_t bytes) {
  const auto memory =
      std::make_shared<cuda::Memory>(runtime(), bytes, cuda::Memory::Place::kPinnedHost);
  return {memory, memory->get()};
}

std::shared_ptr<const cuda::Memory> CudaBackend::constant(const std::string& name,
                                                          std::size_t bytes, const Fill& fill) {
  const std::lock_guard lock(mutex_);
  const auto found = constants_.find(name);
  if (found != constants_.end()) return found->second;
  std::vector<std::byte> host(bytes);
  fill(host.data());
  auto memory = std::make_shared<cuda::Memory>(runtime(), bytes, cuda::Memory::Place::kDevice);
  upload(memory->get(), host.data(), bytes);
  return constants_.emplace(name, std::move(memory)).first->second;
}

void CudaBackend::upload(void* dst, const void* src, std::size_t bytes) const {
  const cuda::OwnedStream stream(runtime_);
  DEVICE_CHECK(runtime_->copy_to_device(dst, src, bytes, stream.get()));
  DEVICE_CHECK(runtime_->synchronize(stream.get()));
}

namespace {

DeviceInfo describe(const DeviceLibrary& library, std::string name, int device) {
  DeviceInfo info{.name = std::move(name)};
  try {
    const std::unique_ptr<DeviceRuntime> runtime(library.make_runtime(device));
    CHECK_AS(kOutOfMemory, runtime != nullptr, "no memory for the runtime of {}", info.name);
    DeviceProperties properties;
    DEVICE_CHECK(runtime->properties(properties));
    info.description = properties.name;
    info.architecture = fmt::format("sm_{}", properties.sm);
    info.memory_bytes = properties.memory_bytes;
    described_by(properties, info.name);
    std::size_t free_bytes = 0;
    DEVICE_CHECK(runtime->free_memory(free_bytes));
    info.free_bytes = free_bytes;
  } catch (const Error& error) {
    info.why_unusable = error.what();
  }
  return info;
}

}  // namespace

std::vector<DeviceInfo> list_gpus(const DeviceLibrary& library, std::string_view kind) {
  int count = 0;
  DEVICE_CHECK(library.count_devices(count));
  std::vector<DeviceInfo> gpus;
  for (int i = 0; i < count; ++i)
    gpus.push_back(describe(library, fmt::format("{}:{}", kind, i), i));
  return gpus;
}

std::vector<DeviceInfo> list_gpus(std::string_view kind) {
  return list_gpus(cuda::open_device_library(fmt::format("libnestor_{}.so", kind)), kind);
}

std::unique_ptr<Backend> open_cuda_backend(std::string_view device) {
  const std::size_t colon = device.find(':');
  const std::string_view kind = device.substr(0, colon);
  const std::string_view which = colon == device.npos ? "0" : device.substr(colon + 1);
  if (kind == "cuda" && which.starts_with("sm_")) {
    const DeviceSpec* const spec = find_device_spec(which);
    CHECK_AS(kUnsupported, spec != nullptr, "no architecture is called '{}'; there are: {}", which,
             fmt::join(device_specs() | std::views::transform(&DeviceSpec::name), ", "));
    return std::make_unique<CudaBackend>(*spec);
  }
  int number = 0;
  const auto [end, error] = std::from_chars(which.data(), which.data() + which.size(), number);
  CHECK_AS(kUnsupported, error == std::errc() && end == which.data() + which.size() && number >= 0,
           "no device is called '{}'; expected {}:N with the number of a GPU", device, kind);
  const DeviceLibrary& library = cuda::open_device_library(fmt::format("libnestor_{}.so", kind));
  return std::make_unique<CudaBackend>(library, fmt::format("{}:{}", kind, number), number);
}

}  // namespace nestor
