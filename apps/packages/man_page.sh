#!/usr/bin/env bash
# A command's man page, from its --help: man_page.sh PROGRAM VERSION OUTPUT.gz. Its name is the first sentence.
set -euo pipefail
text=$("$1" --help)
summary=${text%%$'\n\n'*}
summary=${summary%%.*}
help2man --no-info --version-string="$2" --name="${summary//$'\n'/ }" "$1" | gzip -9n >"$3"
