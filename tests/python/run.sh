#!/usr/bin/env bash
# The tests of the Python package: builds its wheel around what build/cpu has built, installs it into an empty
# virtual environment, and uses it there.
#
#   tests/python/run.sh [NAME_test.py]...
#
# Without names: all but ray_test.py, whose clusters take minutes to start and stop (tests/run.sh --long has it).
# Packages come from PyPI. The environment stays and is made anew when requirements.txt changes.
set -euo pipefail
cd "$(dirname "$0")/../.."

prefix=build/python_tests/prefix venv=build/python_tests/venv requirements=tests/python/requirements.txt
rm -rf $prefix
cmake --install build/cpu --prefix $prefix >/dev/null
wheel=$(apps/python/build_wheel.sh --installed $prefix)

if ! cmp -s $requirements $venv/requirements.txt; then
  rm -rf $venv
  python3 -m venv $venv
  $venv/bin/pip install --quiet "$wheel"  # what it needs comes with it
  $venv/bin/python -c 'import nestor'
  $venv/bin/pip install --quiet -r $requirements
  cp $requirements $venv/
fi
$venv/bin/pip install --quiet --force-reinstall --no-deps "$wheel"

[[ " $* " != *" ray_test"* ]] || $venv/bin/pip install --quiet "ray[data]"

python=$PWD/$venv/bin/python
cd tests/python
(($#)) || set -- [!r]*_test.py readme_test.py
"$python" -m unittest "$@"
