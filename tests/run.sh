#!/usr/bin/env bash
# Everything that proves the project.
#
#   tests/run.sh                all parts; at most 45 minutes on 2 cores from a clean checkout
#   tests/run.sh --golden DIR   only the golden comparisons, on a folder of reference data
#   tests/run.sh --long         the long proofs too (fuzzing to 2 million executions, clang, soak);
#                               what is done is remembered under build/long and not done again
#
# Prints each part with its time, and at last "N passed, N failed, N skipped". All output of a part
# is in build/logs/.
set -uo pipefail
cd "$(dirname "$0")/.."
. tests/support/parts.sh

golden=tests/golden/data
[[ -d ../shared/golden ]] && golden=../shared/golden
only_golden=false
long=false
while (($#)); do
  case $1 in
    --golden)
      [[ $# -ge 2 && -d $2 ]] || { echo "run.sh: --golden needs a folder, found '${2:-}'" >&2; exit 2; }
      golden=$2 only_golden=true; shift ;;
    --long) long=true ;;
    *) echo "run.sh: unknown argument '$1'; there are --golden DIR and --long" >&2; exit 2 ;;
  esac
  shift
done

build() { cmake --preset "$1" "${@:2}" && cmake --build --preset "$1"; }
bin=build/cpu/bin

part packages apps/install_packages.sh build test || finish
part "build cpu" build cpu -DNESTOR_TESTS=ON || finish
if $only_golden; then
  part "golden comparisons" "$bin/nestor_golden" "$golden"
  finish
fi

# Without a CPU that computes in bfloat16, and without a GPU, tests that need them are skipped.
unavailable=$(tests/support/unavailable_tags.sh)
catch() { "$1" "${@:2}" --order lex; }
skip_tagged "$bin/nestor_tests" "$unavailable"
part "unit tests" catch "$bin/nestor_tests" "$(without "$unavailable" '~[.race]')"
part "unit tests, AVX2" env ONEDNN_MAX_CPU_ISA=AVX2 "$bin/nestor_tests" "[batch]~[bf16]"
part "corpus replay" replay_corpora build/cpu/bin
part "golden comparisons" "$bin/nestor_golden" "$golden"
part "commands" env NESTOR_BIN="$bin" python3 -m unittest discover -s tests/commands -p '*_test.py'

part "build asan" build asan -DNESTOR_TESTS=ON &&
  part "unit tests, asan" catch build/asan/bin/nestor_tests "$(without "$unavailable" '~[.race]~[slow]~[noasan]')" &&
  part "corpus replay, asan" replay_corpora build/asan/bin

part "build tsan" build tsan -DNESTOR_TESTS=ON &&
  part "unit tests, tsan" in_tsan build/tsan/bin/nestor_tests "[tsan]" &&
  part "tsan finds an injected race" fails_with "data race" in_tsan build/tsan/bin/nestor_tests "[.race]"

part "fuzzing packages" apps/install_packages.sh fuzz &&
  part "build fuzz" build fuzz -DNESTOR_TESTS=OFF && {
    for target in tests/fuzz/*_fuzz.cpp; do
      target=$(basename "$target" .cpp)
      part "fuzz $target" tests/fuzz/run.sh "$target" --seconds 20
    done
  }

if $long; then
  part "killed downloads, long" env NESTOR_LONG=1 NESTOR_BIN="$bin" \
    python3 -m unittest discover -s tests/commands -p weights_test.py -k killed
  part "build clang" build clang -DNESTOR_TESTS=ON &&
    part "unit tests, clang" catch build/clang/bin/nestor_tests "$(without "$unavailable" '~[.race]')"
  for target in tests/fuzz/*_fuzz.cpp; do
    target=$(basename "$target" .cpp)
    part "fuzz $target, long" tests/fuzz/run.sh "$target" --runs 2000000
  done
fi
finish
