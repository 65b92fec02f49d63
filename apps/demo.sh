#!/usr/bin/env bash
# From a bare Debian 12 to right answers: installs what is missing, builds, and lets the demo models
# (apps/demo) read handwritten digits and find them in scenes. A second run takes seconds and does not use the network.
#
#   apps/demo.sh                    all of it
#   NESTOR_BIN=DIR apps/demo.sh     with the commands that are already built in DIR
set -euo pipefail
cd "$(dirname "$0")/.."

bin=build/cpu/bin
if [[ -z ${NESTOR_BIN:-} ]]; then
  apps/install_packages.sh build
  log=build/demo.log
  mkdir -p build
  # A terminal sees ninja's progress; everything is in the log too.
  build() {
    cmake --preset cpu -DNESTOR_TESTS=OFF -DNESTOR_BENCH=OFF >"$log" 2>&1 || return
    if [[ -t 1 ]]; then
      echo "building (2 to 5 minutes on 2 cores)"
      cmake --build --preset cpu | tee -a "$log" | awk '/^\[/ { printf "\r\033[K%.*s", 78, $0; fflush() } END { printf "\r\033[K" }'
    else
      cmake --build --preset cpu >>"$log" 2>&1
    fi
  }
  if ! build; then
    tail -n 30 "$log" >&2
    echo "demo: the build failed; all of its output is in $log" >&2
    exit 1
  fi
fi

# A picture's name ends in what it shows: 01_is_7.jpg. The network sees only the pixels.
answers=$("${NESTOR_BIN:-$bin}/nestor-classify" --quiet --weights apps/demo/resnest_mini.safetensors \
  --top-k 1 --format csv apps/demo/digits)
cat <<TEXT
Handwritten digits on cuts of photos (apps/demo/page.jpg), none of them seen in training, read by
resnest_mini, a small ResNeSt that comes with Nestor:

TEXT
awk -F, '
  NR == 1 { for (i = 1; i <= NF; ++i) column[$i] = i; next }
  {
    name = $column["image"]; sub(/.*\//, "", name)
    truth = name; sub(/.*_is_/, "", truth); sub(/\..*/, "", truth)
    right = $column["class"] == truth; num_right += right
    row[++num_rows] = sprintf("%-11s  %-6s  %9.1f %%  %s %s", name, $column["class"],
                              100 * $column["probability"], truth, right ? "    " : "WRONG")
  }
  END {
    title = "picture      answer  probability  truth"
    print title "      " title
    half = int((num_rows + 1) / 2)
    for (i = 1; i <= half; ++i) {
      line = sprintf("%-45s%s", row[i], row[half + i]); sub(/ +$/, "", line); print line
    }
    printf "\n%d of %d right.\n", num_right, num_rows
  }' <<<"$answers"

# Scenes of digits and cuts of photos that training did not see, either.
found=$("${NESTOR_BIN:-$bin}/nestor-detect" --quiet --weights apps/demo/faster_rcnn_fpn_resnest_mini.safetensors \
  --thresh 0.95 --format csv --save-vis build/demo apps/demo/scene_to_search.jpg)
"${NESTOR_BIN:-$bin}/nestor-segment" --quiet --weights apps/demo/deeplab_resnest_mini.safetensors \
  --format overlay --palette apps/demo/palette.txt --output build/demo apps/demo/scene_to_segment.jpg
cat <<TEXT

Scenes with several digits: faster_rcnn_fpn_resnest_mini, a small detector, puts boxes around them, and
deeplab_resnest_mini, a small segmenter, gives their pixels the digits' colours:

  found, from left to right:  $(tail -n +2 <<<"$found" | sort -t, -k7n | cut -d, -f5 | paste -sd' ')
  with their boxes:           build/demo/scene_to_search.jpg
  digits in colours:          build/demo/scene_to_segment.png
TEXT
cat <<TEXT

Your own photos, with official ImageNet weights (fetched once, then kept):

  $bin/nestor-classify --network resnest50 --pretrained photo.jpg
TEXT
