#!/usr/bin/env bash
# check.sh CHECKOUT CLANG_FORMAT: names the lines that clang-format would write in another way.
set -euo pipefail

cd "$1"
if [[ ! -x ${2:-} ]]; then
  echo "skipped: clang-format is not installed; packaging/install-dependencies test installs it"
  exit 77
fi
mapfile -d '' -t files < <(find common protocol agent controller tests -name '*.cpp' -print0 -o \
  -name '*.h' -print0)
if ! "$2" --dry-run -Werror "${files[@]}"; then
  echo "To mend it: clang-format -i FILE" >&2
  exit 1
fi
echo "${#files[@]} files are as $("$2" --version) writes them"
