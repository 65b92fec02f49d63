#!/usr/bin/env bash
# Runs one fuzz target of the `fuzz` build on its corpus, or with --msan of the `fuzz-msan` build.
#
#   tests/fuzz/run.sh NAME_fuzz --seconds N    for N seconds
#   tests/fuzz/run.sh NAME_fuzz --runs N       until N executions have passed since the target's
#                                              sources changed or it last failed; goes on where an
#                                              earlier call was stopped
#   tests/fuzz/run.sh NAME_fuzz --msan N       the same by MemorySanitizer, on the corpus, on what
#                                              the first two found, and on mutants of both
#
# New inputs are kept in build/fuzz/corpus/; a failing one is written to build/fuzz/.
set -euo pipefail
cd "$(dirname "$0")/../.."
target=$1 mode=$2 amount=$3
program=build/fuzz/bin/$target ledger=build/long/$target
[[ $mode == --msan ]] && program=build/fuzz-msan/bin/$target ledger=build/long/$target-msan
name=${target%_fuzz}
found=build/fuzz/corpus/$name
mkdir -p "$found" build/long
options=(-max_len=65536 -timeout=20 -rss_limit_mb=3000 -print_final_stats=1 -verbosity=0
         -artifact_prefix="build/fuzz/$name-")

if [[ $mode == --seconds ]]; then
  "$program" "${options[@]}" -max_total_time="$amount" "$found" "tests/fuzz/corpus/$name"
  exit
fi

# one_slice RUNS SEED: prints how many there were.
one_slice() {
  if [[ $mode == --msan ]]; then
    "$program" "$1" "$2" "build/fuzz/$name-msan" "tests/fuzz/corpus/$name" "$found" 2>&1
  else
    "$program" "${options[@]}" -runs="$1" "$found" "tests/fuzz/corpus/$name" 2>&1
  fi
}

# Executions so far, for exactly this program.
identity=$(sha256sum "$program" | cut -c1-16)
done_runs=0
if [[ -f $ledger ]]; then
  read -r known runs <"$ledger"
  [[ $known == "$identity" ]] && done_runs=$runs
fi
while ((done_runs < amount)); do
  slice=$((amount - done_runs < 100000 ? amount - done_runs : 100000))
  log=$(mktemp)
  if ! one_slice "$slice" "$done_runs" >"$log"; then
    cat "$log"
    rm -f "$log" "$ledger"
    exit 1
  fi
  executed=$(sed -n 's/^stat::number_of_executed_units: *//p; s/.* files and \([0-9]*\) mutants run$/\1/p' "$log")
  rm -f "$log"
  done_runs=$((done_runs + executed))
  echo "$identity $done_runs" >"$ledger"
  echo "$target: $done_runs executions"
done
