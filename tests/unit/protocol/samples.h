/// One filled-in message of each type, for round trips and golden files.
#pragma once

#include "protocol/messages.h"

namespace portoser::protocol {

inline Moment some_moment() {
  return {"8f14e45f-ceea-467f-a0e6-1d3b2c4d5e6f", 3600123456789, 1772612142123456};
}

template <class Message>
Message filled();

template <>
inline Hello filled() {
  Hello message;
  message.agent_version = "0.1.0";
  message.protocol_low = 1;
  message.protocol_high = 1;
  message.spool_epoch = "c0ffee";
  message.last_sequence = 41;
  message.now = some_moment();
  message.facts.hostname = "brick";
  message.facts.os = "linux";
  message.facts.os_version = "Debian GNU/Linux 12 (bookworm)";
  message.facts.kernel = "6.1.0";
  message.facts.arch = "x86_64";
  message.facts.cpu_cores = 4;
  message.facts.cpu_threads = 8;
  message.facts.memory_bytes = 16LL << 30;
  message.facts.disk_bytes = 480LL << 30;
  message.facts.engine_version = "20.10.24";
  message.facts.engine_api_version = "1.41";
  message.facts.compose_version = "1.29.2";
  message.facts.addresses = {"192.0.2.21", "2001:db8::21"};
  message.facts.has_systemd = true;
  message.knows = {"compose.up", "compose.inspect"};
  return message;
}

template <>
inline Welcome filled() {
  return {"0.1.0",
          "01ARZ3NDEKTSV4RRFFQ69G5FAV",
          "brick",
          40,
          5000,
          some_moment().boot_id,
          3600000000000};
}

template <>
inline Assign filled() {
  Assign message;
  message.revision = "0123456789abcdef";
  message.services = {{"notes", "docker", {"/srv/notes/compose.yml"}, "", "web", "notes.service"}};
  return message;
}

template <>
inline State filled() {
  State message;
  message.when = some_moment();
  message.engine_available = true;
  message.engine_version = "20.10.24";
  message.compose_version = "1.29.2";
  message.engine_silent_ms = 4321;
  Container container;
  container.id = std::string(64, 'a');
  container.name = "notes_web_1";
  container.image = "notes:1";
  container.state = "exited";
  container.health = "unhealthy";
  container.exit_code = 137;
  container.oom_killed = true;
  container.restart_policy = "always";
  container.started_us = 1772612000000000;
  container.finished_us = 1772612100000000;
  container.project = "notes";
  container.compose_service = "web";
  container.working_dir = "/srv/notes";
  container.config_files = "/srv/notes/compose.yml";
  message.containers = {container};
  message.services = {{"notes",
                       "stopped",
                       "unknown",
                       "exit 137",
                       "/srv/notes/compose.yml",
                       {std::string(64, 'a')}}};
  message.containers_left_out = 3;
  return message;
}

template <>
inline Sample filled() {
  Sample message;
  message.when = some_moment();
  message.boot_time_us = 1772608542000000;
  message.cpu = {12.5, {10.0, 15.0}, 0.5, 0.25, 0.125};
  message.memory = MemorySample{16LL << 30, 8LL << 30, 0, 0};
  message.disks = {{"/", "/dev/sda1", "ext4", 1000, 400, 550, 1024.0, std::nullopt}};
  message.networks = {{"eth0", 123456, 654321, 10.0, 20.0}};
  message.containers = {
      {std::string(64, 'a'), 1.5, 1 << 20, std::nullopt, 10, 20, 30, 40, {"notes"}}};
  message.containers[0].per_second = ContainerRates{1, 2, 3, std::nullopt};
  message.problems = {{"disk", "cannot read /proc/diskstats"}};
  message.number = 3600000001;
  message.temperatures = {{"coretemp Package id 0", 48.5}};
  message.services = {{"notes", true, true}};
  message.containers_left_out = 5;
  return message;
}

template <>
inline Event filled() {
  Event message;
  message.sequence = 42;
  message.when = some_moment();
  message.scope = "service";
  message.event_type = "failure";
  message.service = "notes";
  message.container = "notes_web_1";
  message.container_id = std::string(64, 'a');
  message.details = "exit 137 (SIGKILL)";
  message.exit_code = 137;
  message.origin = "failure:notes:aaaaaaaaaaaa:1772612142123456";
  return message;
}

template <>
inline Ack filled() {
  return {"c0ffee", 42};
}

template <>
inline Command filled() {
  return {
      "01ARZ3NDEKTSV4RRFFQ69G5FAV", "compose.up", 120000, false, {std::string("\x81\xa1x\x01", 4)}};
}

template <>
inline Cancel filled() {
  return {"01ARZ3NDEKTSV4RRFFQ69G5FAV"};
}

template <>
inline Progress filled() {
  return {
      "01ARZ3NDEKTSV4RRFFQ69G5FAV", "up", 3, {"Creating notes_web_1", "done"}, {"config", "up"}};
}

template <>
inline CommandResult filled() {
  CommandResult message;
  message.sequence = 43;
  message.command_id = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
  message.code = "conflict";
  message.reason = "PORT_TAKEN";
  message.message = "port 8090 is taken";
  message.hint = "stop what listens there";
  message.exit_code = 1;
  message.last_lines = {"Bind for 0.0.0.0:8090 failed: port is already allocated"};
  message.when = some_moment();
  message.failed_step = "up";
  message.undone = "returned";
  return message;
}

template <>
inline Question filled() {
  return {
      "01ARZ3NDEKTSV4RRFFQ69G5FAV", "compose.inspect", 10000, {std::string("\x81\xa1x\x01", 4)}};
}

template <>
inline Answer filled() {
  Answer message;
  message.question_id = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
  message.code = "deadline";
  message.reason = "QUESTION_DEADLINE";
  message.message = "this host did not find the answer in time";
  message.hint = "its disk is slow";
  message.content = {std::string("\x81\xa1x\x01", 4)};
  return message;
}

template <>
inline Chunk filled() {
  return {"01ARZ3NDEKTSV4RRFFQ69G5FAV.2", 41, {std::string("\x00\xffsome data", 11)}};
}

template <>
inline Credit filled() {
  return {"01ARZ3NDEKTSV4RRFFQ69G5FAV.2", 34};
}

template <>
inline StreamEnd filled() {
  return {"01ARZ3NDEKTSV4RRFFQ69G5FAV.2", 42, "its program went away"};
}

template <>
inline Goodbye filled() {
  return {"removed", "this device was removed"};
}

}  // namespace portoser::protocol
