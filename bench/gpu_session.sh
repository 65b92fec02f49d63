#!/usr/bin/env bash
# Everything that only a GPU can tell, in one command of at most 9 minutes:
#
#   bench/gpu_session.sh pack                       here: builds, and packs build/gpu_session/ (at most 40 MB)
#   bench/gpu_session.sh run --out DIR              there: tests, sanitizers, tuning, benchmarks, profiles
#   bench/gpu_session.sh run --out DIR --previous DIR    what an earlier run did not come to
#   bench/gpu_session.sh run --dry-run              anywhere: what would run, and whether all of it is there
#
# Carry there the repository and build/gpu_session/, which git ignores: pack.tar.xz alone is in it. What
# is unpacked and made goes to build/gpu_session_work/ (--work; 6 GB), which stays where it is.
# There it needs an NVIDIA driver and Python; for the comparison with PyTorch torch, timm, numpy and
# safetensors too, for that with vendors' libraries onnxscript and onnxruntime-gpu or tensorrt. What is
# missing is said, part by part.
# DIR gets four files: results.json, report.md, logs.tar.xz and, once tuned, tuning.json; they belong
# into bench/results/.
set -euo pipefail
cd "$(dirname "$0")/.."
usage() { sed -n '4,7s/^# *//p' "$0" >&2; exit 2; }
folder=build/gpu_session
limit_mb=40

pack() {
  apps/install_packages.sh build test
  kernels/install_toolkit.sh
  local programs=(nestor-bench nestor-classify nestor-convert nestor-inspect
    nestor_device_tests nestor_device_kernel_tests nestor_tests)
  cmake --preset cuda -DNESTOR_TESTS=ON -DNESTOR_BENCH=ON "$@"
  cmake --build --preset cuda --target nestor_cuda "${programs[@]}"
  rm -rf "$folder"
  mkdir -p "$folder/content/bin" "$folder/content/lib"
  local program
  for program in "${programs[@]}"; do
    strip -o "$folder/content/bin/$program" "build/cuda/bin/$program"
  done
  cp -a build/cuda/lib/libnestor.so* build/cuda/lib/libnestor_cuda.so "$folder/content/lib/"
  # All shared libraries but glibc's: the other machine's distribution may have others.
  ldd "$folder"/content/bin/* build/cuda/lib/libnestor.so 2>/dev/null |
    awk '$2 == "=>" && $3 ~ /^\// {print $3}' | sort -u |
    grep -Ev '/(libc|libm|libdl|librt|libpthread|libresolv|ld-linux[^/]*)\.so|/libnestor' |
    xargs -I{} cp -L {} "$folder/content/lib/"
  if [[ -d ../shared/golden/classification ]]; then
    local golden="$folder/content/golden"
    mkdir -p "$golden/classification"
    cp -r ../shared/golden/tools "$golden/"
    cp -r ../shared/check "$folder/content/"
    (cd ../shared/golden/classification &&
      cp --parents -r cases.json inputs/*_{161x227,224x224,256x256,320x320,416x416}.png \
        models/resne*.manifest.json models/resne*.stats.safetensors outputs/resne* \
        "$OLDPWD/$golden/classification/")
  else
    echo "gpu_session.sh: no ../shared/golden: packed without golden comparisons" >&2
  fi
  git describe --always --dirty --abbrev=12 >"$folder/content/commit"
  build/toolkit/bin/nvcc --version | sed -n 's/.*release.*, V/nvcc /p' >"$folder/content/toolkit"
  chmod -R u+w "$folder/content"
  tar -C "$folder/content" -c . | xz -T0 >"$folder/pack.tar.xz"
  rm -rf "$folder/content"
  local mb=$(($(stat -c %s "$folder/pack.tar.xz") / 1000000 + 1))
  if ((mb > limit_mb)); then
    echo "gpu_session.sh: $folder/pack.tar.xz has $mb MB, more than $limit_mb" >&2
    exit 1
  fi
  echo "$folder: $mb MB"
}

case ${1:-} in
  pack) shift; pack "$@" ;;
  run) shift; exec python3 bench/gpu_session.py --pack "$folder/pack.tar.xz" "$@" ;;
  *) usage ;;
esac
