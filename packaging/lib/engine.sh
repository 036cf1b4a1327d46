# shellcheck shell=bash disable=SC2154,SC2034
# The Docker engine of this machine. Sourced by quickstart.

engine_socket=/var/run/docker.sock
[[ ${DOCKER_HOST:-} != unix://* ]] || engine_socket=${DOCKER_HOST#unix://}

engine_answers() {
  curl -sf -m 5 -o /dev/null --unix-socket "$engine_socket" http://engine/_ping 2> /dev/null
}

# install_engine: Debian's engine, started by the service manager where one runs and else by us. It is
# this machine's engine from then on: --stop leaves it, its services run in it.
install_engine() {
  ! engine_answers || return 0
  [[ -n $no_install ]] || "$checkout/packaging/install-dependencies" engine
  command -v dockerd > /dev/null || fail "dockerd is not installed; leave --no-install away"
  echo "Starting the Docker engine"
  if [[ -d /run/systemd/system ]]; then
    systemctl --quiet enable --now docker ||
      fail "systemd could not start docker; see: journalctl -u docker"
    return 0
  fi
  programs[engine]=$(command -v dockerd)
  started+=(engine)
  launch engine --pidfile "$data/dockerd.pid" --host "unix://$engine_socket"
  wait_for 60 "Starting the engine" engine engine_answers
  started=()   # nothing else was started yet
}

explain_missing_engine() {
  cat <<TEXT
No Docker engine answers at $engine_socket. Host metrics work without one; services do not.
To get Debian's engine:  $again --with-engine
TEXT
}

# missing_clients: what services need beside the engine and this machine has not, a line each. The agent
# looks for compose in the same way; docker itself builds the sample's image.
missing_clients() {
  ! is_sample || command -v docker > /dev/null || echo "docker (the command)"
  docker compose version --short > /dev/null 2>&1 || docker-compose version --short > /dev/null 2>&1 ||
    echo "docker compose or docker-compose"
}

explain_missing_clients() {
  cat <<TEXT
A Docker engine answers at $engine_socket, but this is missing here:
$(sed 's/^/  /' <<< "$1")
Host metrics work without; services cannot be started.
Install Debian's packages docker.io and docker-compose, or Docker's own docker-ce-cli and
docker-compose-plugin, then once more:  $again
TEXT
}
