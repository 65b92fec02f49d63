#!/usr/bin/env bash
# mutate.py in an environment of its own, with a parser of C++.
set -euo pipefail
cd "$(dirname "$0")/../../.."
venv=build/mutate/venv
wanted=tests/simt/mutate/requirements.txt
if ! cmp -s "$wanted" "$venv/requirements.txt"; then
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$wanted"
  cp "$wanted" "$venv/requirements.txt"
fi
exec "$venv/bin/python" tests/simt/mutate/mutate.py "$@"
