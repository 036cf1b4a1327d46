/// The engine's JSON -> our types. What is missing or of another type than the API says is taken as
/// absent: engines differ in what they fill in. Any thread.
#pragma once

#include "agent/engine/client.h"
#include "agent/engine/container.h"
#include "agent/engine/storage.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace portoser::agent::engine {

/// Not JSON, or without the one field that makes it usable: `Error{unavailable, ENGINE_ERROR}`.
EngineInfo engine_info_from(std::string_view json);
std::vector<std::string> container_ids_from(std::string_view json);
Container container_from(std::string_view json);
/// Of an inspected container: what its newest health check wrote, or its exit status when that is
/// nothing; empty: it was never checked.
std::string health_output_from(std::string_view json);

Image image_from(std::string_view json);
std::vector<Platform> platforms_from(std::string_view json);
Machine machine_from(std::string_view json);
/// Of the list of networks, or of volumes, which lies in a member.
std::vector<std::string> names_from(std::string_view json, const char* member);
std::vector<TakenPort> taken_ports_from(std::string_view json);
std::vector<Volume> volumes_from(std::string_view json);
std::vector<ContainerMounts> mounts_from(std::string_view json);

/// The engine names its own machine as the kernel does ("x86_64"), and images as Go does ("amd64").
std::string architecture_of(const std::string& machine);

/// nullopt: not an event about a container.
std::optional<ContainerEvent> event_from(std::string_view json);

/// The `message` of an error's body; the body's own beginning when it is not the engine's JSON.
std::string error_message_from(std::string_view body);

/// "SIGTERM", "term", "15", "SIGRTMIN+3". Unknown or empty: 15.
std::int64_t signal_number(std::string_view name);

}  // namespace portoser::agent::engine
