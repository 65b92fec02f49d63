#!/bin/sh
# Compares Nestor with its peers on the networks of the published table:
#
#   bench/peers/run.sh --device cpu|cuda [options of compare.py]
#
# On a CPU they are PyTorch, torch.compile, ONNX Runtime and OpenVINO, on a GPU PyTorch,
# torch.compile and, if their wheels install, ONNX Runtime and TensorRT. They come from PyPI into
# build/peers (6 GB, as PyPI's torch brings CUDA libraries along) and are kept for the next time.
# Needs python3-venv, and python3-dev and g++ for torch.compile. Results, kept row by row:
# bench/results/cpu_peers.md and .json, or cuda_peers. Not part of CI.
set -eu
cd "$(dirname "$0")/../.."
case "${1:-} ${2:-}" in
  "--device cpu") preset=cpu optional= runtime="onnxruntime openvino" ;;
  "--device cuda") preset=cuda optional="onnxruntime-gpu tensorrt" runtime= ;;
  *) sed -n '4s/^# *//p' "$0" >&2; exit 2 ;;
esac
[ -x build/peers/bin/pip ] || python3 -m venv build/peers
if [ ! -e build/peers/installed_$preset ]; then
  build/peers/bin/pip install --quiet torch timm onnx onnxscript safetensors $runtime
  for package in $optional; do
    build/peers/bin/pip install --quiet "$package" || echo "run.sh: without $package" >&2
  done
  touch build/peers/installed_$preset
fi
cmake --preset $preset >/dev/null
cmake --build --preset $preset --target nestor-bench nestor-convert
if [ $preset = cuda ]; then cmake --build --preset cuda --target nestor_cuda; fi
exec build/peers/bin/python bench/peers/compare.py "$@"
