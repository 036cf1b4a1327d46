# shellcheck shell=bash disable=SC2154,SC2034
# Programs that run in the background with a pid file. Sourced by quickstart.
# A pid file is believed only when the process runs our program with our data folder: after a reboot
# its number may be somebody else's.

# running NAME: prints the pid of $data/NAME.pid when that process is ours.
running() {
  local pid program
  pid=$(cat "$data/$1.pid" 2> /dev/null) && [[ $pid =~ ^[0-9]+$ ]] || return 1
  program=$(readlink "/proc/$pid/exe" 2> /dev/null) || return 1
  program=${program% (deleted)}   # built anew since it was started
  [[ ${program##*/} == "${programs[$1]##*/}" ]] || return 1
  tr '\0' '\n' < "/proc/$pid/cmdline" 2> /dev/null | grep -qF -- "$data/" || return 1
  echo "$pid"
}

# In a subshell: a redirection of our own output would swallow what a trap says meanwhile.
is_running() { [[ -n $(running "$1") ]]; }

# launch NAME ARGUMENTS...: starts ${programs[NAME]} in a session of its own, so that Ctrl-C reaches
# only us and the programs end in order. 9 is quickstart's lock, which must not outlive it.
launch() {
  local name=$1
  shift
  setsid "${programs[$name]}" "$@" < /dev/null >> "$data/log/$name.log" 2>&1 9>&- &
  echo $! > "$data/$name.pid"
  # Until it has become our program, `running` would not know it.
  until is_running "$name" || ! kill -0 $! 2> /dev/null; do sleep 0.01; done
}

# end NAME: SIGTERM, and SIGKILL for who has not ended in 20 s.
end() {
  local pid tries
  if pid=$(running "$1"); then
    kill "$pid" 2> /dev/null || true
    for ((tries = 0; tries < 200; tries++)); do
      is_running "$1" || break
      sleep 0.1
    done
    if is_running "$1"; then
      echo "$1 did not end in 20 s and is killed; see $data/log/$1.log" >&2
      kill -9 "$pid" 2> /dev/null || true
    fi
    echo "Stopped the $1."
  fi
  rm -f "$data/$1.pid"
}

show_log() {
  echo "--- the last lines of $data/log/$1.log" >&2
  tail -n 15 "$data/log/$1.log" >&2 || true
}

# wait_for SECONDS WHAT NAME CONDITION...: asks until CONDITION holds; fails with NAME's log when its
# process ends or the time passes.
wait_for() {
  local end=$((SECONDS + $1)) what=$2 name=$3
  shift 3
  until "$@"; do
    if ! is_running "$name"; then
      show_log "$name"
      fail "$what: the $name has ended"
    elif ((SECONDS >= end)); then
      show_log "$name"
      fail "$what: not within the time limit"
    fi
    sleep 0.2
  done
}
