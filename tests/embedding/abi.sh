#!/usr/bin/env bash
# The library's binary interface is that of its public headers: a build with other internals shows no
# change to abidiff, and one with another public struct does. Minutes.
#
#   tests/embedding/abi.sh
set -euo pipefail
cd "$(dirname "$0")/../.."

folder=$PWD/build/abi
rm -rf "$folder"
mkdir -p "$folder/tree"
git ls-files -z -- CMakeLists.txt LICENSE README.md apps cmake engine graphs kernels library weights_convert |
  tar --null -T - -c | tar -x -C "$folder/tree"

# build NAME: the library of the tree as it is now.
build() {
  cmake -S "$folder/tree" -B "$folder/build" -G Ninja -DCMAKE_BUILD_TYPE=Debug -DNESTOR_TESTS=OFF \
    -DNESTOR_BENCH=OFF >/dev/null
  cmake --build "$folder/build" --target lib/libnestor.so
  cp -L "$folder/build/lib/libnestor.so" "$folder/$1.so"
}
# change FILE SED: it must change the file.
change() {
  cp "$folder/tree/$1" "$folder/before"
  sed -i "$2" "$folder/tree/$1"
  ! cmp -s "$folder/before" "$folder/tree/$1" || { echo "$1: nothing was changed" >&2; exit 1; }
}
# Public headers only declare Model, which abidiff does not see through std::shared_ptr.
printf '[suppress_type]\n  name = nestor::Model\n' >"$folder/suppressed"
differ() {
  local headers=$folder/tree/library/nestor
  abidiff --suppressions "$folder/suppressed" --drop-private-types --headers-dir1 "$headers" \
    --headers-dir2 "$headers" "$folder/$1.so" "$folder/$2.so"
}

build as_it_is
change engine/session.cpp 's/^struct Session::State {/&\n  double another[3] = {};/'
change engine/model.h 's/^  GraphFunction graph_;/  int another_ = 0;\n&/'
change engine/plan/plan.h 's/^struct PlanKey {/&\n  int another = 0;/'
build with_other_internals
change library/nestor/session.h 's/^struct NESTOR_API SessionOptions {/&\n  int another = 0;/'
build with_another_interface

differ as_it_is with_other_internals
! differ as_it_is with_another_interface >"$folder/difference" || { echo "another member went unnoticed" >&2; exit 1; }
grep -q "SessionOptions" "$folder/difference"
echo "other internals: no change; another member of a public struct: noticed"
