#!/usr/bin/env bash
# The tags of tests that this machine cannot run: "[cuda]", "[cuda][bf16]", ...
set -u
tags=
command -v nvidia-smi >/dev/null && nvidia-smi -L 2>/dev/null | grep -q GPU || tags+='[cuda]'
grep -qw avx512_bf16 /proc/cpuinfo || tags+='[bf16]'
echo "$tags"
