#!/usr/bin/env bash
# Brings the CUDA compiler that Nestor is built with, nvcc 12.4 (sm_70 to sm_90a), into a folder.
#
#   kernels/install_toolkit.sh [FOLDER]      FOLDER is build/toolkit unless it is given
#
# Needs no GPU, no driver and not root. The compiler is taken out of Debian's package (trixie,
# non-free), which is unpacked and not installed; headers and static runtime are NVIDIA's from PyPI.
# Everything is pinned by version and SHA-256. A folder that is complete is left as it is, and the
# network is asked nothing. 0.1 GB of downloads, 0.3 GB of disk, half a minute.
set -euo pipefail
cd "$(dirname "$0")/.."

deb_version=12.4.131~12.4.1-2
deb_sha256=cd5fe85aee38d108b315f408a688641478f2402622a10c677478eb7a6c4e5319
wheels='nvidia-cuda-nvcc-cu12==12.4.131 --hash=sha256:e4c9a35435c3b0e36c6397c5696334c9ea6650e524736cbd1c5d345ea099bb04
nvidia-cuda-runtime-cu12==12.4.127 --hash=sha256:64403288fa2136ee8e467cdc9c9427e0434110899d07c779f25b5c068934faa5
nvidia-cuda-cccl-cu12==12.9.27 --hash=sha256:37869e17ce2e1ecec6eddf1927cca0f8c34e64fd848d40453df559091e2d7117'
# The static runtime comes apart: on PyPI only the wheels of 12.9 carry one. Any driver of CUDA 12
# takes it, and its interface has all of 12.4's.
static_runtime='nvidia-cuda-runtime-cu12==12.9.79 --hash=sha256:25bba2dfb01d48a9b59ca474a1ac43c6ebf7011f1b0b8cc44f54eb6ac48a96c3'
# Changes whenever the recipe does: a folder made by an older one is made anew.
recipe="3 $deb_sha256 $(sha256sum <<<"$wheels $static_runtime" | cut -c1-16)"

fail() {
  echo "install_toolkit.sh: $1" >&2
  exit 1
}

case ${1:-} in
  -*) fail "usage: kernels/install_toolkit.sh [FOLDER]" ;;
esac
[[ $# -le 1 ]] || fail "usage: kernels/install_toolkit.sh [FOLDER]"
target=${1:-build/toolkit}

if [[ -f $target/complete && $(<"$target/complete") == "$recipe" ]]; then
  exit 0
fi
if [[ -e $target && ! -f $target/complete && -n $(ls -A "$target") ]]; then
  fail "$target exists and is not a toolkit of this script: name another folder, or remove it"
fi
[[ $(uname -m) == x86_64 ]] || fail "only x86_64 is supported, this is $(uname -m)"
for tool in apt-get dpkg-deb python3 gcc ar; do
  command -v "$tool" >/dev/null || fail "needs $tool, which is not there"
done

# Made beside the target and moved there when it is whole, so that a broken run leaves nothing.
mkdir -p "$(dirname "$target")"
work=$(mktemp -d "$(cd "$(dirname "$target")" && pwd)/.toolkit.XXXXXX")
trap 'rm -rf "$work"' EXIT
log=$work/log

# step MESSAGE COMMAND...: shows what a failing command said.
step() {
  local message=$1
  shift
  "$@" >"$log" 2>&1 && return
  tail -n 15 "$log" | sed 's/^/  | /' >&2
  fail "$message"
}

# --- the compiler, from Debian ------------------------------------------------------------------
# APT gets a source and lists of its own, so the machine's stay as they are.
apt_root=$work/apt
mkdir -p "$apt_root"/{sources,lists/partial,cache/archives/partial}
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' |
  grep -m1 -E '/debian/?$' || echo http://deb.debian.org/debian/)
cat >"$apt_root/sources/non-free.sources" <<SOURCES
Types: deb
URIs: $mirror
Suites: trixie
Components: non-free
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
SOURCES
apt=(apt-get -qq -o Dir::Etc::sourcelist=- -o "Dir::Etc::sourceparts=$apt_root/sources"
  -o "Dir::State::lists=$apt_root/lists" -o "Dir::Cache=$apt_root/cache" -o APT::Sandbox::User=root
  -o Acquire::Retries=3)
step "cannot read the package lists of $mirror (trixie, non-free)" "${apt[@]}" update
(cd "$work" && step "cannot download nvidia-cuda-toolkit $deb_version from $mirror; if the mirror
  has a newer one only, pin that here, or take this one from snapshot.debian.org" \
  "${apt[@]}" download "nvidia-cuda-toolkit=$deb_version")
deb=$(echo "$work"/nvidia-cuda-toolkit_*.deb)
step "nvidia-cuda-toolkit $deb_version is not the file that was pinned" \
  sha256sum --check <<<"$deb_sha256  $deb"
step "cannot unpack nvidia-cuda-toolkit" dpkg-deb -x "$deb" "$work/deb"

# --- headers and static runtime, from PyPI ------------------------------------------------------
wheel() {  # wheel FOLDER REQUIREMENTS
  echo "$2" >"$work/requirements.txt"
  step "cannot download NVIDIA's headers and runtime from PyPI, or they are not the pinned files" \
    "$work/venv/bin/pip" install --quiet --no-deps --no-compile --require-hashes \
    --only-binary :all: --target "$1" -r "$work/requirements.txt"
  find "$1" -name __init__.py -delete
}
step "python3 cannot make a virtual environment (Debian: apt-get install python3-venv)" \
  python3 -m venv "$work/venv"
wheel "$work/wheels" "$wheels"
wheel "$work/static_runtime" "$static_runtime"

# --- the layout that nvcc and CMake expect ------------------------------------------------------
made=$work/toolkit
mkdir -p "$made/bin" "$made/nvvm/bin" "$made/lib64"
for tool in bin2c cu++filt cudafe++ cuobjdump fatbinary nvdisasm nvlink ptxas; do
  cp "$work/deb/usr/bin/$tool" "$made/bin"
done
debian=$work/deb/usr/lib/nvidia-cuda-toolkit/bin
cp -r "$debian/nvcc" "$debian/crt" "$made/bin"
cp "$debian/cicc" "$made/nvvm/bin"
cp -r "$work/wheels/nvidia/cuda_nvcc/nvvm/libdevice" "$made/nvvm"
for part in cuda_nvcc cuda_runtime cuda_cccl; do
  cp -r "$work/wheels/nvidia/$part/include" "$made"
done
cp "$work"/static_runtime/nvidia/cuda_runtime/lib/lib{cudart_static,culibos}.a "$made/lib64"
# nvcc links the runtime of kernels that start kernels, always. Nestor has none, and 12.4's linker
# refuses 12.9's library: one of an empty object will do.
: >"$work/empty.c"
step "the host compiler does not work" gcc -c "$work/empty.c" -o "$work/empty.o"
ar rcs "$made/lib64/libcudadevrt.a" "$work/empty.o"
cat >"$made/bin/nvcc.profile" <<'PROFILE'
TOP = $(_HERE_)/..
NVVMIR_LIBRARY_DIR = $(TOP)/nvvm/libdevice
PATH += $(TOP)/nvvm/bin:$(_HERE_):
INCLUDES += "-I$(TOP)/include" $(_SPACE_)
LIBRARIES =+ $(_SPACE_) "-L$(TOP)/lib64"
PROFILE

# --- does it compile and link for the oldest and the newest architecture? -----------------------
echo '__global__ void probe(float* x) { x[threadIdx.x] = 1.0f; }
int main() { probe<<<1, 1>>>(nullptr); return 0; }' >"$work/probe.cu"
for architecture in sm_70 sm_90a; do
  step "the compiler that was put together does not compile for $architecture" \
    "$made/bin/nvcc" -cudart static "-arch=$architecture" -o "$work/probe" "$work/probe.cu"
done
step "a program with the static CUDA runtime does not start without a GPU" "$work/probe"
echo "$recipe" >"$made/complete"
rm -rf "$target"
mv "$made" "$target"
echo "nvcc 12.4 is in $target"
