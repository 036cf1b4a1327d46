#include "controller/fleet/complaints.h"

#include "common/log.h"

namespace portoser::fleet {

void tell(const Complaint& complaint) {
  const auto say = [&](const char* message) {
    log::warn("fleet", message, {{"count", complaint.count}, {"latest", complaint.latest}});
  };
  switch (complaint.trouble) {
    case Trouble::malformed:
      return say("malformed messages dropped");
    case Trouble::too_large:
      return say("messages over 1 MiB dropped");
    case Trouble::unknown_type:
      return say("messages of an unknown type dropped");
    case Trouble::not_admitted:
      return say("messages of a removed device dropped");
    case Trouble::own_route:
      return say("messages of connections that chose their own routing id dropped");
    case Trouble::key_refused:
      return say("a connection was refused: its key belongs to no device");
    case Trouble::handshake_failed:
      return say("connections that do not speak our protocol were refused");
    case Trouble::accept_failed:
      return say("connections of agents could not be taken");
    case Trouble::connection_ended:
      log::info("fleet", "connections ended", {{"count", complaint.count}});
      return;
    case Trouble::crowded:
      return say("too many connections at once: new ones wait");
    case Trouble::other_version:
      return say("an agent speaks another protocol version");
    case Trouble::two_machines:
      log::error("fleet",
                 "two machines use one key; the newer is kept out",
                 {{"count", complaint.count}, {"latest", complaint.latest}});
      return;
    case Trouble::not_welcomed:
      return say("messages of a connection that is not in force dropped");
    case Trouble::registration_refused:
      return say("a registration was refused");
  }
}

}  // namespace portoser::fleet
