// Short forms for operations that are one expression: they return from the function they are in.
#pragma once

#define PTX_UNARY(T, expression) \
  return unary<T>(op, [](T a) -> T { return static_cast<T>(expression); })
#define PTX_BINARY(T, expression) \
  return binary<T>(op, [](T a, T b) -> T { return static_cast<T>(expression); })
#define PTX_TERNARY(T, expression) \
  return ternary<T>(op, [](T a, T b, T c) -> T { return static_cast<T>(expression); })
