#pragma once
// What the instrumented copy of the kernels calls (see mutate.py): each place that can be changed
// asks whether it is the active one. Included in front of every file of the copy.
//
// A place has a number; alternative 0 is the original. NESTOR_MUTANT=PLACE:ALTERNATIVE activates
// one, NESTOR_MUTANT_COVERAGE=FILE writes the numbers of all places that were reached.

#include <type_traits>

namespace nestor::mutants {

extern unsigned first, span;  // places that are not on their own: one, all (for coverage) or none
int selected(unsigned place);
// The alternative makes no program here, such as the product of a pointer: ends the process with
// kNoSuchMutant.
constexpr int kNoSuchMutant = 97;
[[noreturn]] void no_such_mutant(unsigned place, int alternative);

#ifdef NESTOR_SIMT_RACE
// Else the race build would report the reads of `first` and `span`.
__attribute__((no_sanitize("thread"), noinline))
#else
__attribute__((always_inline))
#endif
inline int
chosen(unsigned place) {
  return __builtin_expect(place - first < span, 0) ? selected(place) : 0;
}
#define NESTOR_MUTANT_INLINE inline __attribute__((always_inline))
NESTOR_MUTANT_INLINE bool is(unsigned place, int alternative) {
  return chosen(place) == alternative;
}

// --- operators ----------------------------------------------------------------------------------
// OPERATOR(name, original, alternative 1, alternative 2): functions of a and b.
#define NESTOR_MUTANT_ALTERNATIVE(name, expression)                       \
  struct name {                                                           \
    template <class A, class B>                                           \
    NESTOR_MUTANT_INLINE auto operator()(A a, [[maybe_unused]] B b) const \
        -> decltype(expression) {                                         \
      return expression;                                                  \
    }                                                                     \
  };

template <class Result, class Alternative, class A, class B>
__attribute__((noinline, cold)) Result changed(unsigned place, int number, A a, B b) {
  if constexpr (std::is_invocable_v<Alternative, A, B>) {
    if constexpr (std::is_convertible_v<std::invoke_result_t<Alternative, A, B>, Result>) {
      return static_cast<Result>(Alternative()(a, b));
    }
  }
  no_such_mutant(place, number);
}

#define NESTOR_MUTANT_OPERATOR(name, original, one, two)                                      \
  NESTOR_MUTANT_ALTERNATIVE(name##_one, one)                                                  \
  NESTOR_MUTANT_ALTERNATIVE(name##_two, two)                                                  \
  template <class A, class B>                                                                 \
  NESTOR_MUTANT_INLINE auto name(unsigned place, A a, B b)->decltype(original) {              \
    using Result = decltype(original);                                                        \
    const int number = chosen(place);                                                         \
    if (__builtin_expect(number == 1, 0)) return changed<Result, name##_one>(place, 1, a, b); \
    if (__builtin_expect(number == 2, 0)) return changed<Result, name##_two>(place, 2, a, b); \
    return original;                                                                          \
  }

NESTOR_MUTANT_OPERATOR(add, a + b, a - b, a)
NESTOR_MUTANT_OPERATOR(subtract, a - b, a + b, a)
NESTOR_MUTANT_OPERATOR(multiply, a* b, a + b, a)
NESTOR_MUTANT_OPERATOR(divide, a / b, a* b, a)
NESTOR_MUTANT_OPERATOR(modulo, a % b, a / b, a)
NESTOR_MUTANT_OPERATOR(shift_left, a << b, a >> b, a)
NESTOR_MUTANT_OPERATOR(shift_right, a >> b, a << b, a)
NESTOR_MUTANT_OPERATOR(bit_and, a& b, a | b, a)
NESTOR_MUTANT_OPERATOR(bit_or, a | b, a& b, a)
NESTOR_MUTANT_OPERATOR(bit_xor, a ^ b, a | b, a)
NESTOR_MUTANT_OPERATOR(less, a < b, a <= b, a >= b)
NESTOR_MUTANT_OPERATOR(less_equal, a <= b, a<b, a> b)
NESTOR_MUTANT_OPERATOR(greater, a > b, a >= b, a <= b)
NESTOR_MUTANT_OPERATOR(greater_equal, a >= b, a > b, a < b)
NESTOR_MUTANT_OPERATOR(equal, a == b, a != b, a != b)
NESTOR_MUTANT_OPERATOR(not_equal, a != b, a == b, a == b)

// --- assignments --------------------------------------------------------------------------------
#define NESTOR_MUTANT_ASSIGNMENT(name, original, one)       \
  template <class A, class B>                               \
  NESTOR_MUTANT_INLINE A& name(unsigned place, A& a, B b) { \
    const int number = chosen(place);                       \
    if (__builtin_expect(number == 1, 0)) {                 \
      a one b;                                              \
    } else if (__builtin_expect(number == 2, 0)) {          \
      if constexpr (std::is_assignable_v<A&, B>) {          \
        a = b;                                              \
      } else {                                              \
        no_such_mutant(place, 2);                           \
      }                                                     \
    } else {                                                \
      a original b;                                         \
    }                                                       \
    return a;                                               \
  }

NESTOR_MUTANT_ASSIGNMENT(assign_sum, +=, -=)
NESTOR_MUTANT_ASSIGNMENT(assign_difference, -=, +=)
NESTOR_MUTANT_ASSIGNMENT(assign_product, *=, +=)
NESTOR_MUTANT_ASSIGNMENT(assign_quotient, /=, *=)
NESTOR_MUTANT_ASSIGNMENT(assign_or, |=, &=)
NESTOR_MUTANT_ASSIGNMENT(assign_and, &=, |=)
NESTOR_MUTANT_ASSIGNMENT(assign_xor, ^=, |=)

// --- values -------------------------------------------------------------------------------------
// One more, one less: literals and indices.
template <class T>
NESTOR_MUTANT_INLINE T moved(unsigned place, T value) {
  const int number = chosen(place);
  if (__builtin_expect(number == 1, 0)) return static_cast<T>(value + 1);
  if (__builtin_expect(number == 2, 0)) return static_cast<T>(value - 1);
  return value;
}

}  // namespace nestor::mutants
