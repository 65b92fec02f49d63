#include "weights_convert/readers/npy.h"

#include <catch2/catch.hpp>

#include "tests/support/weight_files.h"

namespace nestor::test {

namespace {

const std::string kData = floats(std::vector<float>{1, 2, 3, 4, 5, 6});

std::string file_of(std::string_view fields) { return npy_file(fields, kData); }

ErrorCode code_of(const std::string& file) {
  const auto [code, message] = error_of([&] { read_npy(as_bytes(file), "a.npy"); });
  CHECK(message.find("a.npy: ") == 0);
  return code;
}

}  // namespace

TEST_CASE(".npy arrays are read in C order, whatever order they are stored in",
          "[npy][convert][cpu]") {
  const std::string c = file_of("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }");
  const std::string fortran = file_of("{'descr': '<f4', 'fortran_order': True, 'shape': (3, 2)}");
  std::vector<std::byte> scratch;
  const SourceFile plain = read_npy(as_bytes(c), "a.npy");
  REQUIRE(plain.tensors.size() == 1);
  CHECK_FALSE(plain.tensors[0].name);
  CHECK(plain.tensors[0].shape == Shape{2, 3});
  CHECK(std::ranges::equal(contiguous(plain.tensors[0], scratch), as_bytes(kData)));

  const SourceFile gathered = read_npy(as_bytes(fortran), "a.npy");
  CHECK(gathered.tensors[0].shape == Shape{3, 2});
  CHECK(std::ranges::equal(contiguous(gathered.tensors[0], scratch),
                           as_bytes(floats(std::vector<float>{1, 4, 2, 5, 3, 6}))));
}

TEST_CASE(".npy files cut short at any byte are refused", "[npy][convert][cpu]") {
  const std::string whole = file_of("{'descr': '<f4', 'fortran_order': False, 'shape': (6,), }");
  for (std::size_t length = 0; length < whole.size(); ++length) {
    INFO("cut after " << length << " bytes");
    CHECK(code_of(whole.substr(0, length)) == ErrorCode::kBadModel);
  }
  CHECK(code_of(whole + "x") == ErrorCode::kBadModel);
}

TEST_CASE(".npy headers that are not the three plain fields are refused", "[npy][convert][cpu]") {
  const auto* header =
      GENERATE("{'descr': '|O', 'fortran_order': False, 'shape': (6,)}",
               "{'descr': '>f4', 'fortran_order': False, 'shape': (6,)}",
               "{'descr': '<f4', 'fortran_order': False, 'shape': (-6,)}",
               "{'descr': '<f4', 'fortran_order': False, 'shape': (6)}",
               "{'descr': '<f4', 'fortran_order': False}",
               "{'descr': '<f4', 'fortran_order': False, 'shape': (6,), 'more': 1}",
               "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (6,)}",
               "{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4, 6)}",
               "{'descr': '<f4', 'fortran_order': __import__('os'), 'shape': (6,)}");
  CHECK(code_of(file_of(header)) == ErrorCode::kBadModel);
}

TEST_CASE(".npy arrays without elements may not have extents beyond memory",
          "[npy][convert][cpu]") {
  const std::string file = npy_file(
      "{'descr': '|i1', 'fortran_order': False, 'shape': (4294967296, 2147483648, 0)}", "");
  CHECK(code_of(file) == ErrorCode::kBadModel);
}

}  // namespace nestor::test
