#include "engine/backends/cuda/tune.h"

#include <algorithm>
#include <random>
#include <ranges>

#include "engine/backends/cuda/check.h"
#include "engine/backends/cuda/cuda_context.h"

namespace nestor::cuda {

namespace {

std::size_t aligned(std::size_t bytes) { return (bytes + 255) / 256 * 256; }

struct Candidate {
  TunedChoice choice;
  StepChoice step;
  std::vector<float> milliseconds;

  double median_us() {
    const auto middle = milliseconds.begin() + static_cast<std::ptrdiff_t>(milliseconds.size() / 2);
    std::ranges::nth_element(milliseconds, middle);
    return 1e3 * static_cast<double>(*middle);
  }
};

// What of all variants the model likes best; plans without tuning take the first.
std::vector<TunedChoice> favourites(const StepRequest& request,
                                    std::span<const CudaVariant> variants, CudaBackend& backend,
                                    int count) {
  std::vector<TunedChoice> found;
  for (const CudaVariant& variant : variants) {
    if (std::ranges::count(request.excluded_variants, variant.name) > 0) continue;
    const StepChoice choice = backend.choice_of(variant, request);
    if (choice.kernel == nullptr) continue;
    const std::size_t before = found.size();
    if (variant.candidates != nullptr) {
      std::ranges::move(variant.candidates(request, backend), std::back_inserter(found));
    } else {
      // A step that does the next node too is not to be compared with those that do not.
      if (choice.also != nullptr && !found.empty()) continue;
      found.push_back({.variant = std::string(variant.name),
                       .tile = {},
                       .splits = 1,
                       .us = choice.gpu->modelled_us});
      if (choice.also != nullptr) return found;
    }
    for (TunedChoice& added : found | std::views::drop(before)) added.variant = variant.name;
  }
  if (found.empty()) return found;
  // The first variant that can do it goes before faster ones, as in plans.
  std::stable_sort(found.begin() + 1, found.end(),
                   [](const TunedChoice& a, const TunedChoice& b) { return a.us < b.us; });
  found.resize(std::min(found.size(), static_cast<std::size_t>(std::max(1, count))));
  return found;
}

// Memory for one candidate at a time: inputs, output, workspace, one behind the other.
class Bench {
 public:
  Bench(const StepRequest& request, std::vector<Candidate>& candidates, CudaBackend& backend)
      : request_(request), backend_(backend), context_(backend.runtime()) {
    std::size_t bytes = 0;
    for (const Candidate& candidate : candidates) bytes = std::max(bytes, place(candidate.step));
    memory_ = backend.allocate(bytes);
    fill(bytes);
    DeviceProperties properties;
    DEVICE_CHECK(backend.runtime()->properties(properties));
    flush_bytes_ = 2 * static_cast<std::size_t>(std::max(properties.l2_bytes, 0));
    flush_ = Memory(backend.runtime(), flush_bytes_, Memory::Place::kDevice);
  }

  // Points the candidate at the memory.
  void prepare(Candidate& candidate, const Constants& constants) {
    candidate.step.kernel->load(constants, request_.node.inputs);
    StepPointers pointers;
    place(candidate.step, &pointers);
    candidate.step.kernel->bind(pointers);
  }

  float run(Candidate& candidate) {
    const Runtime& runtime = backend_.runtime();
    DEVICE_CHECK(runtime->make_current());
    // The device is still busy with this while it is given the rest.
    DEVICE_CHECK(runtime->fill(flush_.get(), 0, flush_bytes_, context_.stream()));
    DEVICE_CHECK(runtime->record(begin_.get(), context_.stream()));
    candidate.step.kernel->run(context_);
    DEVICE_CHECK(runtime->record(end_.get(), context_.stream()));
    DEVICE_CHECK(runtime->synchronize(context_.stream()));
    float elapsed = 0;
    DEVICE_CHECK(runtime->milliseconds(elapsed, begin_.get(), end_.get()));
    return elapsed;
  }

 private:
  // Bytes of all that the step needs; its pointers, if wanted.
  std::size_t place(const StepChoice& step, StepPointers* pointers = nullptr) const {
    std::size_t offset = 0;
    const auto take = [&](std::size_t bytes) {
      void* const place = pointers == nullptr ? nullptr : at(offset);
      offset += aligned(bytes);
      return place;
    };
    StepPointers found;
    for (std::size_t i = 0; i < request_.node.inputs.size(); ++i) {
      const Value& value = request_.graph.value(request_.node.inputs[i]);
      found.inputs.push_back(is_constant(value)
                                 ? nullptr
                                 : take(backend_.buffer_bytes(value.desc.shape, step.inputs[i])));
    }
    for (std::size_t i = 0; i < step.outputs.size(); ++i) {
      const Shape& dst = request_.graph.desc(request_.node.outputs[i]).shape;
      found.outputs.push_back(i == 0 && step.inplace_input >= 0
                                  ? found.inputs[static_cast<std::size_t>(step.inplace_input)]
                                  : take(backend_.buffer_bytes(dst, step.outputs[i])));
    }
    found.workspace = take(step.workspace_bytes);
    if (pointers != nullptr) *pointers = std::move(found);
    return offset;
  }

  std::byte* at(std::size_t offset) const {
    return static_cast<std::byte*>(memory_.get()) + offset;
  }

  // Random numbers, since zeros would let a GPU clock higher: float16 of magnitudes from 1/8 to 2,
  // of which two make a small float32.
  void fill(std::size_t bytes) {
    std::minstd_rand random(1);
    std::vector<std::uint16_t> halves(bytes / sizeof(std::uint16_t));
    for (std::uint16_t& half : halves) {
      const auto bits = static_cast<unsigned>(random());
      half = static_cast<std::uint16_t>(0x3000 | (bits >> 8 & 0x0FFF) | (bits >> 6 & 0x8000));
    }
    backend_.upload(memory_.get(), halves.data(), bytes);
  }

  const StepRequest& request_;
  CudaBackend& backend_;
  CudaContext context_;
  std::shared_ptr<void> memory_;
  Memory flush_;
  std::size_t flush_bytes_ = 0;
  OwnedEvent begin_{backend_.runtime()}, end_{backend_.runtime()};
};

}  // namespace

void tune_step(const StepRequest& request, std::span<const CudaVariant> variants,
               const Constants& constants, const TuneOptions& options, CudaBackend& backend,
               TuningReport& report, const std::string& problem) {
  std::vector<Candidate> candidates;
  for (TunedChoice& choice : favourites(request, variants, backend, options.candidates)) {
    StepRequest pinned = request;
    pinned.forced_variant = choice.variant;
    pinned.pinned = &choice;
    StepChoice step = backend.choose(pinned);
    candidates.push_back({std::move(choice), std::move(step), {}});
  }
  if (candidates.empty()) return;
  Bench bench(request, candidates, backend);
  for (Candidate& candidate : candidates) {
    bench.prepare(candidate, constants);
    bench.run(candidate);
  }
  for (int i = 0; i < options.runs; ++i) {
    for (Candidate& candidate : candidates) candidate.milliseconds.push_back(bench.run(candidate));
    std::ranges::reverse(candidates);  // who comes first changes
  }
  if (options.runs % 2 != 0) std::ranges::reverse(candidates);
  for (Candidate& candidate : candidates) candidate.choice.us = candidate.median_us();
  const auto best = std::ranges::min_element(
      candidates, {}, [](const Candidate& candidate) { return candidate.choice.us; });
  report.problems.push_back({.problem = problem,
                             .step = request.node.name,
                             .modelled = candidates.front().choice,
                             .best = best->choice,
                             .candidates = static_cast<int>(candidates.size())});
}

}  // namespace nestor::cuda
