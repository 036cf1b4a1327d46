#!/usr/bin/env bash
# Whether every source is as clang-format (.clang-format) leaves it. Prints what is not, with its line.
#   tests/architecture/format.sh FOLDER
set -euo pipefail
cd "$1"
find agent common controller protocol tests \( -name '*.cpp' -o -name '*.h' \) -print0 |
  xargs -0 -n 40 -P 2 clang-format --dry-run -Werror ||
  { echo "clang-format -i FILE mends them"; exit 1; }
