# shellcheck shell=bash disable=SC2154,SC2034
# The sample: a registry with this host and two services, made from Debian's static busybox, so that
# nothing is pulled. Sourced by quickstart.

# write_once FILE: keeps standard input as FILE unless it is there; it is the user's from then on.
write_once() {
  [[ -e $1 ]] && cat > /dev/null && return
  mkdir -p "$(dirname "$1")"
  cat > "$1"
}

write_sample() {
  local hello_port
  hello_port=$(sample_port)
  write_once "$data/registry.yml" <<TEXT
# The sample registry of packaging/quickstart. Edit it: the controller takes a change up at once.
domain: home.arpa

hosts:
  $host:
    ip: 127.0.0.1
    path: $data/services

services:
  hello:
    hostname: hello.home.arpa
    current_host: $host
    deployment_type: docker
    docker_compose: $data/services/portoser-hello/docker-compose.yml
    port: $hello_port
    healthcheck_url: http://127.0.0.1:$hello_port/
    description: A small web server
  clock:
    hostname: clock.home.arpa
    current_host: $host
    deployment_type: docker
    docker_compose: $data/services/portoser-clock/docker-compose.yml
    description: Writes the time every ten seconds
TEXT
  write_once "$data/services/portoser-hello/docker-compose.yml" <<TEXT
version: "3.7"
services:
  web:
    build: .
    image: portoser/hello
    restart: unless-stopped
    ports: ["127.0.0.1:$hello_port:8080"]
    healthcheck:
      test: ["CMD", "wget", "-q", "-O", "/dev/null", "http://127.0.0.1:8080/"]
      interval: 5s
      timeout: 2s
TEXT
  # The shell is the first process: a first process hears SIGTERM only if it has a trap for it.
  write_once "$data/services/portoser-hello/Dockerfile" <<'TEXT'
FROM portoser/sample
COPY index.html /www/index.html
CMD httpd -f -p 8080 -h /www & trap "kill $!; exit 0" TERM; wait
TEXT
  write_once "$data/services/portoser-hello/index.html" <<TEXT
Hello from Portoser. Edit index.html and rebuild the service "hello".
TEXT
  write_once "$data/services/portoser-clock/docker-compose.yml" <<'TEXT'
version: "3.7"
services:
  clock:
    image: portoser/sample
    build: image
    restart: unless-stopped
    command: ["sh", "-c", "trap 'exit 0' TERM; while date; do sleep 10 & wait $$!; done"]
TEXT
}

# The first free port from ten above the web surface; the same one ever after.
sample_port() {
  local candidate known
  known=$(sed -n 's/^    port: //p' "$data/registry.yml" 2> /dev/null) || true
  if [[ -n $known ]]; then
    echo "$known"
    return
  fi
  for ((candidate = port + 10; candidate < port + 60; candidate++)); do
    port_taken "$candidate" || break
  done
  echo "$candidate"
}

# The same engine as the agent's, whatever DOCKER_HOST or a docker context say.
engine_docker() { docker --host "unix://$engine_socket" "$@"; }

# portoser/sample: a shell and its tools, nothing else.
build_sample_image() {
  local root=$data/services/portoser-clock/image applet
  [[ ! -e $root/Dockerfile ]] || ! engine_docker image inspect portoser/sample > /dev/null 2>&1 || return 0
  [[ -x /bin/busybox ]] || fail "/bin/busybox is missing; leave --no-install away"
  echo "Building the image portoser/sample"
  rm -rf "$root"
  mkdir -p "$root"/root/{bin,tmp,www}
  cp /bin/busybox "$root/root/bin/busybox"
  for applet in $(/bin/busybox --list); do
    [[ $applet == busybox ]] || ln -s busybox "$root/root/bin/$applet"
  done
  printf 'FROM scratch\nCOPY root /\nCMD ["sh"]\n' > "$root/Dockerfile"
  DOCKER_BUILDKIT=0 engine_docker build -q -t portoser/sample "$root" > "$data/log/image.log" 2>&1 || {
    show_log image
    fail "the image portoser/sample could not be built"
  }
}

# start_sample: through the API, once; a service that its user stops later stays stopped.
start_sample() {
  local service answer
  [[ ! -e $data/sample-started ]] || return 0
  build_sample_image
  for service in hello clock; do
    echo "Starting the service $service"
    if ! answer=$(curl -sS -m 180 --fail-with-body -X POST "$url/api/services/$service/start" 2>&1); then
      printf '%s\n' "$answer" >&2
      fail "the service $service could not be started; the controller's answer is above"
    fi
  done
  touch "$data/sample-started"
}
