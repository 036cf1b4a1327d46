#include "controller/api/host_reason.h"

namespace portoser::api {

std::string reason_not_online(const fleet::Device* device, fleet::Liveness liveness) {
  if (device == nullptr) return "no agent has joined from this host";
  if (device->approval == fleet::Approval::pending) return "the host waits for approval";
  if (device->approval == fleet::Approval::rejected) return "an admin has rejected the host";
  if (device->mode == fleet::DeviceMode::disabled) return "an admin has disabled the host";
  if (!device->has_agent) {
    return liveness == fleet::Liveness::online
               ? ""
               : "the host has no agent, and its heartbeats do not come";
  }
  if (device->cloned) return "a second machine uses this agent's key and is kept out";
  switch (liveness) {
    case fleet::Liveness::online:
      return "";
    case fleet::Liveness::stale:
      return "the agent has missed its last samples";
    case fleet::Liveness::offline:
      return "the agent is not connected";
    case fleet::Liveness::unknown:
      return "the controller has just started and waits for the agent";
  }
  return "";
}

}  // namespace portoser::api
