/// Tells the service manager how far this program is: sd_notify(3) in its own few lines, since
/// libsystemd and what it brings along would be a tenth of an agent's memory.
#pragma once

#include <string_view>

namespace portoser {

/// `state`: "READY=1", "STOPPING=1". Without a service manager (`NOTIFY_SOCKET` is not set), or
/// when it does not listen, nothing happens. Blocks for no longer than one datagram takes.
void notify_service_manager(std::string_view state);

}  // namespace portoser
