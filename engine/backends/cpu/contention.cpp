#include "engine/backends/cpu/contention.h"

namespace nestor::cpu {

namespace {

constexpr std::chrono::microseconds kWindow{100'000};
constexpr double kBusySwitches = 50, kQuietSwitches = 25;  // a second
constexpr int kQuietWindows = 3;                           // until it is believed

}  // namespace

void Contention::update(std::chrono::microseconds cpu_time, std::int64_t switches) {
  const std::chrono::microseconds passed = cpu_time - cpu_time_;
  if (begun_ && passed < kWindow) return;
  const double rate =
      static_cast<double>(switches - switches_) / std::chrono::duration<double>(passed).count();
  cpu_time_ = cpu_time;
  switches_ = switches;
  if (!begun_) {  // what was before says nothing about the runs
    begun_ = true;
    return;
  }
  quiet_windows_ = rate <= kQuietSwitches ? quiet_windows_ + 1 : 0;
  if (rate >= kBusySwitches) busy_ = true;
  if (quiet_windows_ >= kQuietWindows) busy_ = false;
}

}  // namespace nestor::cpu
