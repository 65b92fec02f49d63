#!/usr/bin/env bash
# Installs the Debian packages that a step needs and that are not there yet.
#
#   apps/install_packages.sh build [test] [python] [simt] [fuzz] [package]
#
# Asks the network nothing where all are installed. As root with apt, else through sudo, else it
# prints the line to run and fails.
set -euo pipefail

build=(g++ cmake ninja-build pkg-config git ca-certificates libdnnl-dev libfmt-dev nlohmann-json3-dev
       libjpeg62-turbo-dev libpng-dev libwebp-dev zlib1g-dev libssl-dev libcurl4-openssl-dev libcli11-dev libstb-dev
       libbenchmark-dev)
test=(catch2 python3 python3-venv openssl clang-format-14 fish help2man zsh)
python=(python3-dev python3-venv)
simt=(libboost-context-dev binutils)
fuzz=(clang-19 libclang-rt-19-dev)
package=(abigail-tools debootstrap dpkg-dev file help2man lintian python3-venv)

wanted=()
for group in "$@"; do
  case $group in
    build) wanted+=("${build[@]}") ;;
    test) wanted+=("${test[@]}") ;;
    python) wanted+=("${python[@]}") ;;
    simt) wanted+=("${simt[@]}") ;;
    fuzz) wanted+=("${fuzz[@]}") ;;
    package) wanted+=("${package[@]}") ;;
    *) echo "install_packages.sh: unknown group '$group'; there are build, test, python, simt, fuzz, package" >&2; exit 2 ;;
  esac
done

missing=()
for package in "${wanted[@]}"; do
  status=$(dpkg-query -W -f='${Status}' "$package" 2>/dev/null || true)
  [[ $status == "install ok installed" ]] || missing+=("$package")
done
((${#missing[@]})) || exit 0

install=(apt-get install -y --no-install-recommends "${missing[@]}")
if [[ $(id -u) == 0 ]]; then
  as_root=()
elif command -v sudo >/dev/null; then
  as_root=(sudo)
else
  echo "These packages are missing; as root, run:" >&2
  echo "  apt-get update && ${install[*]}" >&2
  exit 1
fi
echo "installing: ${missing[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { "${as_root[@]}" apt-get update &&
       "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive "${install[@]}"; } >"$log" 2>&1; then
  tail -n 20 "$log" >&2
  echo "install_packages.sh: apt-get failed" >&2
  exit 1
fi
