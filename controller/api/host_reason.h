/// Why a host is not online, for people. Any thread.
#pragma once

#include "controller/fleet/device.h"

#include <string>

namespace portoser::api {

/// `device` is null when none has joined from it. Empty: it is online.
std::string reason_not_online(const fleet::Device* device, fleet::Liveness liveness);

}  // namespace portoser::api
