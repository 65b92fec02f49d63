#!/bin/sh
# Compares Nestor with PyTorch, ONNX Runtime and OpenVINO on this machine's CPU:
#
#   bench/cpu_peers.sh [options of cpu_peers.py]
#
# The peers come from PyPI into build/peers (6 GB, as PyPI's torch brings CUDA libraries along) and
# are kept for the next time. Needs python3-venv, and python3-dev and g++ for torch.compile.
# Results: bench/results/cpu_peers.md and .json. Not part of CI.
set -eu
cd "$(dirname "$0")/.."
if [ ! -x build/peers/bin/python ]; then
  python3 -m venv build/peers
fi
build/peers/bin/python -c 'import torch, timm, onnx, onnxscript, onnxruntime, openvino, safetensors' 2>/dev/null ||
  build/peers/bin/pip install --quiet torch timm onnx onnxscript onnxruntime openvino safetensors
cmake --preset cpu >/dev/null
cmake --build --preset cpu --target nestor-bench
exec build/peers/bin/python bench/cpu_peers.py "$@"
