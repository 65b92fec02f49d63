#pragma once
// How errors are raised. Not a public header: it needs fmt.
//
//   CHECK(cond, "{}: src has {} channels, weight expects {}", node, got, want);   a broken promise
//   CHECK_AS(kBadModel, cond, "{}: tensor {} has {} bytes", file, name, bytes);   somebody's fault
//   fail(ErrorCode::kBadInput, "{}: not an image", file);
//
// A message names the file, tensor or node, what was expected and what was found.

#include <fmt/format.h>

#include <utility>

#include "nestor/error.h"

namespace nestor {

template <class... Args>
[[noreturn]] void fail(ErrorCode code, fmt::format_string<Args...> format, Args&&... args) {
  throw Error(code, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace nestor

#define CHECK_AS(code, cond, ...)                             \
  do {                                                        \
    if (!(cond)) [[unlikely]]                                 \
      ::nestor::fail(::nestor::ErrorCode::code, __VA_ARGS__); \
  } while (false)

#define CHECK(cond, ...) CHECK_AS(kInternal, cond, __VA_ARGS__)
