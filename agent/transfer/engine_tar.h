/// Images of gigabytes to and from the Docker engine, with a block of them in memory. Blocking. A
/// call takes as long as it takes: the command has a deadline.
#pragma once

#include "agent/transfer/engine_data.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace portoser::agent::transfer {

/// Fails as the calls of EngineData, and with what `sink` throws.
void save_tar(const std::string& socket,
              const std::string& path,
              std::int64_t rate_limit_kib,
              const EngineData::Sink& sink);
/// Likewise; the engine says with status 200, too, that it could not use it.
void load_tar(const std::string& socket, const std::string& path, const EngineData::Source& source);

/// Throws for an answer that is no success.
void check_engine_status(int status, std::string_view body);

}  // namespace portoser::agent::transfer
