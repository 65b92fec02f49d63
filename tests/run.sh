#!/usr/bin/env bash
# Everything that proves the project.
#
#   tests/run.sh                all parts; about an hour on 2 cores from a clean checkout
#   tests/run.sh --golden DIR   only the golden comparisons, on a folder of reference data
#   tests/run.sh --long         the long proofs too (fuzzing to 2 million executions, and to 1 million
#                               under MemorySanitizer, clang, mutants, a Ray cluster, Debian packages, all networks and settings on
#                               the PTX machine); what is done is remembered (build/long,
#                               build/mutate, build/ptx_mutate) and not done again
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
# build_only PRESET "TARGET..." [OPTION...]
build_only() { cmake --preset "$1" "${@:3}" && cmake --build --preset "$1" --target $2; }
bin=build/cpu/bin
fuzz_targets=$(basename -s .cpp tests/fuzz/*_fuzz.cpp | tr '\n' ' ')

part packages apps/install_packages.sh build test || finish
$only_golden || part "formatting" tests/support/check_format.sh
part "build cpu" build cpu -DNESTOR_TESTS=ON || finish
if $only_golden; then
  part "golden comparisons" "$bin/nestor_golden" "$golden"
  finish
fi

# Without a CPU that computes in bfloat16, and without a GPU, tests that need them are skipped. With
# a GPU they run in the build that has its library.
unavailable=$(tests/support/unavailable_tags.sh)
[[ $unavailable == *"[cuda]"* ]] && gpu=false || gpu=true
$gpu && unavailable="[cuda]$unavailable"
catch() { "$1" "${@:2}" --order lex; }
skip_tagged "$bin/nestor_tests" "${unavailable/"[cuda]"/}"
part "unit tests" halves "$bin/nestor_tests" "$(without "$unavailable" '~[.]')"
part "corpus replay" replay_corpora build/cpu/bin
part "golden comparisons" "$bin/nestor_golden" "$golden"
part "commands" commands "$bin" '!(simt)_test.py'
part "Python packages" apps/install_packages.sh python &&
  part "Python" tests/python/run.sh
if $long; then
  part "Python on a Ray cluster, long" env NESTOR_RAY_IMAGES=2000 tests/python/run.sh ray_test.py
  part "Python server, long" env NESTOR_SERVE_REQUESTS=10000 tests/python/run.sh serve_test.py
fi
# The same on the CPUs of others: the variable limits oneDNN and our own vector kernels. Commands:
# without those tests whose answers no instruction set can change.
for isa in AVX2 SSE41; do
  export ONEDNN_MAX_CPU_ISA=$isa
  part "unit tests, $isa" halves "$bin/nestor_tests" "$(without "[bf16]$unavailable" '~[.]~[slow]')"
  part "golden comparisons, $isa" "$bin/nestor_golden" "$golden"
  part "commands, $isa" commands "$bin" '@([cdeir]*|segment)_test.py'
  unset ONEDNN_MAX_CPU_ISA
done

part "build asan" build_only asan "nestor_tests $fuzz_targets" -DNESTOR_TESTS=ON -DNESTOR_BENCH=OFF &&
  part "unit tests, asan" halves build/asan/bin/nestor_tests "$(without "$unavailable" '~[.]~[slow]~[allocations]~[networks]')" &&
  part "corpus replay, asan" replay_corpora build/asan/bin

part "build tsan" build_only tsan nestor_thread_tests -DNESTOR_TESTS=ON -DNESTOR_BENCH=OFF &&
  part "unit tests, tsan" in_tsan build/tsan/bin/nestor_thread_tests "[tsan]" &&
  part "tsan finds an injected race" fails_with "data race" in_tsan build/tsan/bin/nestor_thread_tests "[.race]"

# Kernels: by nvcc for the oldest and the newest architecture, and in the emulator's three builds.
part "kernel packages" apps/install_packages.sh simt &&
  part "CUDA toolkit" kernels/install_toolkit.sh && {
    architectures="70-real;90a-real" option=
    if $long || $gpu; then
      architectures="70-real;75-real;80-real;80-virtual;86-real;89-real;90a-real" option=--all
    fi
    part "build cuda" build_only cuda "nestor_cuda nestor_device_tests nestor_device_kernel_tests" \
      -DNESTOR_TESTS=ON "-DCMAKE_CUDA_ARCHITECTURES=$architectures" && {
      if $gpu; then
        part "conformance, GPU" catch build/cuda/bin/nestor_device_tests
        part "kernels, GPU" catch build/cuda/bin/nestor_device_kernel_tests "~[counters]"
        part "build engine, GPU" build_only cuda nestor_tests &&
          part "engine, GPU" catch build/cuda/bin/nestor_tests "[cuda]" &&
          part "operators, GPU" env NESTOR_TEST_DEVICE=cuda build/cuda/bin/nestor_tests "[ops]~[.]~[bf16]"
      fi
    }
    # The same tests on what nvcc compiled, executed instruction by instruction in software.
    sms="70 80"
    if $long; then sms="70 75 80"; fi
    programs="nestor_ptx_tests nestor_cuda nestor_device_tests nestor_device_kernel_tests"
    part "build ptx" build_only ptx "$programs" -DNESTOR_TESTS=ON \
      "-DCMAKE_CUDA_ARCHITECTURES=$(printf '%s-virtual;' $sms | sed 's/;$//')" && join_ptx && {
      part "PTX machine" build/ptx/bin/nestor_ptx_tests
      for sm in $sms; do
        on_ptx "conformance, PTX, sm_$sm" env PTX_SM=$sm build/ptx/bin/nestor_device_tests
        on_ptx "kernels, PTX, sm_$sm" ptx_kernels $sm
        on_ptx "engine, PTX, sm_$sm" ptx_engine $sm
        on_ptx "operators, PTX, sm_$sm" ptx_operators $sm
        on_ptx "golden, PTX, sm_$sm" ptx_golden $sm fp16 "$golden" resnest14_224x224 --images 1
        if [[ $sm == 80 && -f $golden/classification/outputs/resnest50_161x227.json ]]; then
          on_ptx "golden, PTX, sm_$sm, ResNeSt-50" \
            ptx_golden $sm fp16 "$golden" resnest50_161x227 --images 1
        fi
        $long || continue
        for setting in PTX_SEED=2 PTX_SEED=3 PTX_ASYNC=early PTX_ASYNC=late PTX_MMA=chop PTX_GLOBAL_RACE=1; do
          on_ptx "kernels, PTX, sm_$sm, $setting" ptx_kernels $sm $setting
        done
        for output in "$golden"/classification/outputs/resnest*.json; do
          case=$(basename "$output" .json)
          on_ptx "golden, PTX, sm_$sm, $case" ptx_golden $sm fp16 "$golden" "$case" --images 1
        done
      done
      if $long; then part "mutants on PTX, long" tests/ptx/mutate/mutate.py; fi
    }
    part "kernel resources" kernels/resources.py $option --fail-on-spills
    part "kernel sources" python3 -m unittest discover -s tests/kernels -p '*_test.py'
    # The fast build of the emulator shares the engine with the first build.
    for preset in cpu simt-asan simt-race; do
      programs="nestor_simt_tests nestor_kernel_tests"
      # Races of the kernels and wrong addresses: every run looks for them in compiled code, on the
      # PTX machine.
      [[ $preset == cpu ]] || $long || programs=nestor_simt_tests
      part "build emulator, $preset" build_only "$preset" "$programs" -DNESTOR_TESTS=ON -DNESTOR_SIMT=ON &&
        part "emulator, $preset" halves "build/$preset/bin/nestor_simt_tests" && {
        [[ $programs == *kernel* ]] || continue
        part "emulated kernels, $preset" halves "build/$preset/bin/nestor_kernel_tests"
      }
    done
    # The executor with all kernels: whole networks, and every call that can fail.
    presets=cpu
    if $long; then presets="cpu simt-asan simt-race"; fi
    for preset in $presets; do
      part "build executor, $preset" build_only "$preset" nestor_executor_tests \
        -DNESTOR_TESTS=ON -DNESTOR_SIMT=ON &&
        part "executor, $preset" halves "build/$preset/bin/nestor_executor_tests"
      if $long; then part "executor, $preset, long" "build/$preset/bin/nestor_executor_tests" "[.long]"; fi
    done
    # The CPU's tests of operators on emulated GPUs.
    part "build operators, simt" build_only cpu nestor_tests -DNESTOR_TESTS=ON -DNESTOR_SIMT=ON &&
      for sm in 70 80; do
        part "operators, emulated sm_$sm" env NESTOR_TEST_DEVICE=simt NESTOR_SIMT_SM=$sm \
          "$bin/nestor_tests" "[ops]~[.]~[bf16]"
      done
    part "build commands, simt" build_only cpu "nestor-convert nestor-inspect nestor-classify nestor_simt_device" \
      -DNESTOR_TESTS=ON -DNESTOR_SIMT=ON &&
      part "commands, simt" env NESTOR_BIN="$bin" \
        python3 -m unittest discover -s tests/commands -p simt_test.py
    # Networks at full size on emulated GPUs; fp32 kernels are the same on all. Minutes.
    part "build golden, simt" build_only cpu nestor_golden -DNESTOR_TESTS=ON -DNESTOR_SIMT=ON && {
      runs=("70 fp16" "80 fp16" "70 fp32")
      if $long; then runs+=("80 fp32"); fi
      for run in "${runs[@]}"; do
        part "golden, emulated sm_${run/ /, }" emulated_golden $run "$golden" resnest14_224x224
        if [[ -f $golden/classification/outputs/resnest50_224x224.json ]] && { $long || [[ $run == "70 fp16" ]]; }; then
          part "golden, emulated sm_${run/ /, }, ResNeSt-50" \
            emulated_golden $run "$golden" resnest50_224x224 --images 1
        fi
      done
    }
    if $long; then part "mutants of the kernels, long" tests/simt/mutate/run.sh; fi
  }

part "fuzzing packages" apps/install_packages.sh fuzz &&
  part "build fuzz" build_only fuzz "$fuzz_targets" -DNESTOR_TESTS=OFF -DNESTOR_BENCH=OFF && {
    for target in $fuzz_targets; do
      part "fuzz $target" tests/fuzz/run.sh "$target" --seconds 10
    done
  }

if $long; then
  # Commands that need no emulator.
  part "packaging packages" apps/install_packages.sh package &&
    part "build packages" build cpu -DNESTOR_TESTS=ON -DNESTOR_SIMT=OFF &&
    part "Debian packages, long" tests/packages/run.sh && part "binary interface, long" tests/embedding/abi.sh
  part "killed downloads, long" env NESTOR_LONG=1 NESTOR_BIN="$bin" \
    python3 -m unittest discover -s tests/commands -p weights_test.py -k killed
  part "failing allocations, long" env NESTOR_LONG=1 NESTOR_BIN="$bin" \
    python3 -m unittest discover -s tests/commands -p hosts_test.py
  part "multi-scale of a large image, long" env NESTOR_LONG=1 NESTOR_BIN="$bin" \
    python3 -m unittest discover -s tests/commands -p segment_test.py -k needs_no_more_than_2_gb
  part "build clang" build clang -DNESTOR_TESTS=ON &&
    part "unit tests, clang" catch build/clang/bin/nestor_tests "$(without "$unavailable" '~[.race]')"
  for target in $fuzz_targets; do
    part "fuzz $target, long" tests/fuzz/run.sh "$target" --runs 2000000
  done
  injected=${fuzz_targets//_fuzz/_injected_read}
  part "build fuzz, msan" build_only fuzz-msan "$fuzz_targets $injected" -DNESTOR_TESTS=OFF -DNESTOR_BENCH=OFF &&
    for target in $fuzz_targets; do
      part "msan bites, $target" finds_injected_read "${target%_fuzz}"
      part "fuzz $target, msan, long" tests/fuzz/run.sh "$target" --msan 1000000
    done
fi
finish
