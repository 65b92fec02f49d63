#include "engine/run_clock.h"

#include <chrono>

namespace nestor {

namespace {

RunTimes time_on_host(ExecutionContext& context, const ExecutionContext::BoundSteps& run,
                      const void* src, int count) {
  using Clock = std::chrono::steady_clock;
  const auto ms = [](Clock::duration time) {
    return std::chrono::duration<double, std::milli>(time).count();
  };
  RunTimes times;
  for (int i = 0; i < count; ++i) {
    const Clock::time_point begin = Clock::now();
    context.upload(run.input, src, run.input_bytes);
    const Clock::time_point uploaded = Clock::now();
    context.run(run.steps, run.recording);
    const Clock::time_point computed = Clock::now();
    context.download(run.outputs);
    const Clock::time_point end = Clock::now();
    times.upload_ms += ms(uploaded - begin) / count;
    times.compute_ms += ms(computed - uploaded) / count;
    times.download_ms += ms(end - computed) / count;
    times.total_ms += ms(end - begin);
  }
  return times;
}

}  // namespace

RunTimes time_run(ExecutionContext& context, const ExecutionContext::BoundSteps& run,
                  const void* src, int count) {
  auto* const clock = dynamic_cast<RunClock*>(&context);
  return clock != nullptr ? clock->time_run(run, src, count)
                          : time_on_host(context, run, src, count);
}

}  // namespace nestor
