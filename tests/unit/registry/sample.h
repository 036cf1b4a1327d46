/// A registry without faults that uses most of what the format has.
#pragma once

#include <string_view>

namespace portoser::registry {

inline constexpr std::string_view sample_registry = R"(# the house
domain: cellar.example
x-defaults: &defaults
  ssh_user: keeper
  path: /opt/stacks
hosts:
  den:
    <<: *defaults
    ip: 198.51.100.7
    arch: amd64-linux
    roles: [edge, "build"]
    status: online
    resources: {cpu_cores: 8, memory_gb: 31.5, gpu: none, mlx_capable: false}
  loft:
    <<: *defaults
    ip: 198.51.100.8
    ssh_port: 2222
    arch: arm64-apple
services:
  wiki:   # everyone reads it
    current_host: den
    deployment_type: docker
    docker_compose: /wiki/compose.yml
    service_name: app
    port: 8000
    dependencies: [store]
    health: {type: http, endpoint: /ready, interval: 10s, retries: 5}
    env:
      DB_PASSWORD: 'it''s secret'
      MODE: "quiet"
  store:
    current_host: loft
    deployment_type: native
    unit: store@main.service
    port: 5432
    healthcheck_command: pg_isready -q
  probe:
    current_host: loft
    deployment_type: local
    service_file: probe/service.yml
    description: |
      reads
      the meter
  spare:
    current_host: null
    docker_compose: spare/compose.yml
)";

}  // namespace portoser::registry
