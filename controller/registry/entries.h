/// Readers of one host and one service. Private to the room.
#pragma once

#include "controller/registry/model.h"
#include "controller/registry/notes.h"
#include "controller/registry/tree.h"

#include <string>
#include <utility>
#include <vector>

namespace portoser::registry {

/// A host, and where it stands in the file.
struct HostDraft {
  Host host;
  Place place;
  Notes notes;
};

/// A service, and where the things stand that the checks between entries talk about.
struct ServiceDraft {
  Service service;
  Place place;
  Place host_place;                      ///< of `current_host`
  std::vector<Place> dependency_places;  ///< one for each of `service.dependencies`
  std::vector<std::pair<int, Place>> claimed_ports;
  Notes notes;
};

/// `section` is the key the entry stands under: "hosts" or "machines".
HostDraft read_host(const Member& entry, const std::string& section);

/// `domain` gives the default of `hostname`; it may be empty.
ServiceDraft read_service(const Member& entry,
                          const std::string& section,
                          const std::string& domain);

/// The sections "dns" and "caddy". Keys that are unknown there are left to others without a word.
Dns read_dns(const Member& section, Notes& notes);
Caddy read_caddy(const Member& section, Notes& notes);

/// The entry as JSON text, numbers and truth values as such, what looks like a secret as "***".
std::string masked_json(const Node& entry);

/// Notes what is wrong with the name of an entry; `what` is "host" or "service".
void check_name(const std::string& name, std::string_view what, const Place& place, Notes& notes);

}  // namespace portoser::registry
