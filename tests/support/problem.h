#pragma once
// Problems as strings: n2_c64_h57_w56_k64_r3_s3_g2_bias_relu_bf16. Words are numbers with a name
// (letters, then digits) or flags (letters alone); the precision is a word of its own. Words of
// convolutions: n c h w of src, k r s of the weight, g groups, st stride, p pad, d dilation.

#include <map>
#include <set>
#include <string>
#include <string_view>

#include "engine/plan/plan.h"

namespace nestor::test {

class Problem {
 public:
  // Throws std::invalid_argument for words that no op has, and for words that occur twice.
  explicit Problem(std::string_view text);

  const std::string& text() const { return text_; }
  int number(std::string_view name, int otherwise) const;
  int number(std::string_view name) const;  // throws std::invalid_argument where it is absent
  bool has(std::string_view flag) const { return flags_.contains(flag); }
  Precision precision() const { return precision_; }

 private:
  std::string text_;
  std::map<std::string, int, std::less<>> numbers_;
  std::set<std::string, std::less<>> flags_;
  Precision precision_ = Precision::kFp32;
};

}  // namespace nestor::test
