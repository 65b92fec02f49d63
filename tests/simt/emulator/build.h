#pragma once
// Which of the three builds this is.

namespace nestor::simt {

// Kernel files are compiled with -fsanitize=thread, and the emulator is its runtime
// (tsan_hooks.cpp).
#ifdef NESTOR_SIMT_RACE
constexpr bool kRaceBuild = true;
#else
constexpr bool kRaceBuild = false;
#endif

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kAddressBuild = true;
#else
constexpr bool kAddressBuild = false;
#endif

}  // namespace nestor::simt
