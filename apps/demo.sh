#!/usr/bin/env bash
# From a bare Debian 12 to classified photos: installs what is missing, builds, makes weights, runs.
# A second run takes seconds and does not use the network.
set -euo pipefail
cd "$(dirname "$0")/.."

apps/install_packages.sh build
log=build/demo.log
mkdir -p build
if ! { cmake --preset cpu -DNESTOR_TESTS=OFF && cmake --build --preset cpu; } >"$log" 2>&1; then
  tail -n 30 "$log" >&2
  echo "demo: the build failed; all of its output is in $log" >&2
  exit 1
fi

bin=build/cpu/bin
model=build/demo/resnest50.safetensors
if [[ ! -f $model ]]; then
  mkdir -p build/demo
  "$bin/nestor-convert" --network resnest50 --synthetic-seed 1 --output "$model"
fi

cat <<TEXT

The photos of apps/photos, classified by ResNeSt-50. The weights are SYNTHETIC: made-up numbers that
let every part run as with real ones. The classes below therefore mean nothing; for real answers
convert official weights with nestor-convert (README.md).

TEXT
"$bin/nestor-classify" --weights "$model" --top-k 3 apps/photos
