# Functions of tests/run.sh: parts, their time and what they count.

shopt -s extglob
num_passed=0 num_failed=0 num_skipped=0 num_on_ptx=0
mkdir -p build/logs

# Adds the tests that a log counts: Catch2's and unittest's summaries, "N passed, N failed, N
# skipped"; a part that counts nothing is one test. `$2` is the part's exit status.
count_tests() {
  local log=$1 status=$2 passed failed skipped
  read -r passed failed skipped < <(python3 tests/support/count_tests.py "$log" "$status")
  num_passed=$((num_passed + passed))
  num_failed=$((num_failed + failed))
  num_skipped=$((num_skipped + skipped))
  printf '%s passed, %s failed, %s skipped' "$passed" "$failed" "$skipped"
}

# part NAME COMMAND...: runs it with its output in a log, and fails as it does.
part() {
  local name=$1 status=0 begin=$EPOCHREALTIME
  local log="build/logs/${name//[^a-zA-Z0-9]/_}.log"
  shift
  "$@" >"$log" 2>&1 || status=$?
  local counted
  count_tests "$log" "$status" >"$log.count"
  counted=$(cat "$log.count")
  rm -f "$log.count"
  printf '%-4s %-28s %7.1f s  %s\n' "$([[ $status == 0 ]] && echo ok || echo FAIL)" "$name" \
    "$(seconds_since "$begin")" "$counted"
  if [[ $status != 0 ]]; then tail -n 25 "$log" | sed 's/^/     | /'; fi
  return "$status"
}

seconds_since() { awk -v a="$1" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }'; }

finish() {
  local ptx=
  ((num_on_ptx)) && ptx="; $num_on_ptx passed on what nvcc compiled, in software"
  echo "$num_passed passed, $num_failed failed, $num_skipped skipped$ptx"
  [[ $num_failed == 0 && $num_passed -gt 0 ]]
  exit
}

# halves PROGRAM [FILTER]: its tests, every other one in a process of its own, side by side.
halves() {
  local folder status=0 count
  folder=$(mktemp -d)
  "$1" --list-test-names-only "${2:-~[.]}" | sed '/^$/d; s/,/\\,/g' >"$folder/all"
  awk -v folder="$folder" '{ print > (folder "/" NR % 2) }' "$folder/all"
  "$1" -f "$folder/0" >"$folder/log0" 2>&1 &
  "$1" -f "$folder/1" >"$folder/log1" 2>&1 || status=$?
  wait $! || status=$?
  cat "$folder/log0" "$folder/log1" | tee "$folder/log"
  count=$(python3 tests/support/count_tests.py "$folder/log" "$status" | awk '{ print $1 + $2 }')
  if ((count != $(wc -l <"$folder/all"))); then
    echo "$count tests ran of $(wc -l <"$folder/all")"
    status=1
  fi
  rm -r "$folder"
  return "$status"
}

# commands BIN PATTERN: the tests of the built commands whose file names match (extglob), in two processes side
# by side: those of the official weights and of failing hosts mostly wait, the others compute.
commands() {
  local status=0 folder file waiting=() others=()
  folder=$(mktemp -d)
  for file in tests/commands/$2; do
    case $file in
      */weights_test.py | */hosts_test.py) waiting+=("$(basename -s .py "$file")") ;;
      *) others+=("$(basename -s .py "$file")") ;;
    esac
  done
  export NESTOR_BIN=$1 PYTHONPATH=tests/commands
  ((${#waiting[@]} == 0)) || python3 -m unittest "${waiting[@]}" >"$folder/waiting" 2>&1 &
  python3 -m unittest "${others[@]}" >"$folder/others" 2>&1 || status=$?
  wait $! || status=$?
  cat "$folder"/*
  rm -r "$folder"
  unset NESTOR_BIN PYTHONPATH
  return "$status"
}

# The Catch2 filter that leaves out tags: without "[a][b]" REST -> "REST~[a]~[b]"
without() { printf '%s%s' "$2" "${1//[/~[}"; }

# skip PROGRAM FILTER TITLE: counts the tests as skipped.
skip() {
  local count
  count=$("$1" --list-test-names-only "$2" | grep -c . || true)
  if ((count)); then
    printf 'skip %-28s            %s tests need what this machine lacks\n' "$3" "$count"
    num_skipped=$((num_skipped + count))
  fi
}

# The tests of a program with one of these tags: "[a][b]".
skip_tagged() {
  local tag
  for tag in $(tr ']' '\n' <<<"$2" | sed -n 's/^\[\(.*\)/[\1]/p'); do skip "$1" "$tag" "$tag"; done
}

# Each fuzz target's corpus as a test of the build in folder $1.
replay_corpora() {
  local source name
  for source in tests/fuzz/*_fuzz.cpp; do
    name=$(basename "$source" .cpp)
    "$1/$name" "tests/fuzz/corpus/${name%_fuzz}" || return
  done
}

# emulated_golden SM PRECISION GOLDEN CASE [OPTION...]: on an emulated GPU, with its tolerances.
emulated_golden() {
  NESTOR_SIMT_SM=$1 build/cpu/bin/nestor_golden "$3" --device simt --precision "$2" --case "${@:4}"
}

# What the build `cpu` made, beside the kernels in build/ptx, where libnestor looks for them.
join_ptx() {
  cp -df build/cpu/lib/libnestor.so* build/ptx/lib/ &&
    cp -f build/cpu/bin/nestor_tests build/cpu/bin/nestor_golden build/ptx/bin/
}

# on_ptx TITLE COMMAND...: a part whose tests are counted in the last line as those of compiled code.
on_ptx() {
  local before=$num_passed status=0
  part "$@" || status=$?
  num_on_ptx=$((num_on_ptx + num_passed - before))
  return "$status"
}

# ptx_kernels SM SETTING...: the kernel tests on the PTX machine, with settings such as PTX_SEED=2.
ptx_kernels() (
  export PTX_SM=$1 filter='~[counters]'
  shift
  for setting in "$@"; do
    export "${setting?}"
    # Every word of memory has an entry in a table: without the largest layers.
    [[ $setting == PTX_GLOBAL_RACE=* ]] && filter+='~"*of ResNeSt-50"'
  done
  halves build/ptx/bin/nestor_device_kernel_tests "$filter"
)

# ptx_engine SM: the engine's tests on a GPU, with the check for races left to those of the kernels.
ptx_engine() (
  export PTX_SM=$1 PTX_RACE=0
  halves build/ptx/bin/nestor_tests "[cuda]"
)

# ptx_operators SM: the CPU's tests of operators, by the kernels of a GPU.
ptx_operators() {
  PTX_SM=$1 PTX_RACE=0 NESTOR_TEST_DEVICE=cuda build/ptx/bin/nestor_tests "[ops]~[.]~[bf16]"
}

# ptx_golden SM PRECISION GOLDEN CASE [OPTION...]: as emulated_golden, on the PTX machine.
ptx_golden() {
  PTX_SM=$1 PTX_RACE=0 build/ptx/bin/nestor_golden "$3" --device cuda --precision "$2" --case "${@:4}"
}

in_tsan() { TSAN_OPTIONS="suppressions=tests/support/tsan.supp halt_on_error=1" "$@"; }

# finds_injected_read NAME: MemorySanitizer's build of a fuzz target must notice that half of a file
# of its corpus counts as unwritten.
finds_injected_read() {
  local file said
  for file in tests/fuzz/corpus/"$1"/*; do
    said=$("build/fuzz-msan/bin/$1_injected_read" "$file" 2>&1) && continue
    grep -q "silent about the file as it is" <<<"$said" &&
      grep "MemorySanitizer: use-of-uninitialized-value" <<<"$said" && return
  done
  return 1
}

# fails_with TEXT COMMAND...: the command must fail and say TEXT.
fails_with() {
  local text=$1 output
  shift
  if output=$("$@" 2>&1); then
    echo "$output"
    echo "did not fail"
    return 1
  fi
  grep -q "$text" <<<"$output"
}
