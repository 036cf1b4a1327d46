#!/usr/bin/env bash
# The units as systemd reads them, with the programs of this build in place of those in /usr/bin.
# usage: units_test.sh UNIT_FOLDER BUILD_FOLDER
set -euo pipefail

command -v systemd-analyze > /dev/null ||
  { echo "systemd-analyze is not there: packaging/install-dependencies test installs it" >&2; exit 1; }
copies=$(mktemp -d)
trap 'rm -rf "$copies"' EXIT
status=0

# check NAME PROGRAM
check() {
  local said
  sed "s|^ExecStart=/usr/bin/$1\$|ExecStart=$2|" "$3/$1.service" > "$copies/$1.service"
  grep -qx "ExecStart=$2" "$copies/$1.service" ||
    { echo "$1.service does not start /usr/bin/$1" >&2; status=1; }
  # An unknown key is only a warning to systemd, so nothing at all may be said.
  said=$(systemd-analyze verify --man=no "$copies/$1.service" 2>&1) || status=1
  if [[ -n $said ]]; then
    echo "$said" >&2
    status=1
  fi
}

check portoser-controller "$2/controller/portoser-controller" "$1"
check portoser-agent "$2/agent/portoser-agent" "$1"
exit "$status"
