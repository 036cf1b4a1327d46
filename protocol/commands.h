/// Every command, declared once: its name and its arguments. What it does is in agent/actions.
#pragma once

#include "common/describe.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace portoser::protocol {

/// What a compose command works on.
struct ComposeTarget {
  std::string service;             ///< name in the registry
  std::vector<std::string> files;  ///< candidates; the first that exists counts
  std::string project;             ///< `-p`; empty: compose's own choice
  std::string compose_service;     ///< key in the compose file; empty: the whole project
  bool operator==(const ComposeTarget&) const = default;
};
BOOST_DESCRIBE_STRUCT(ComposeTarget, (), (service, files, project, compose_service))

/// Creates what is missing and starts it; gives back the restart policy that a stop took away.
struct ComposeUp {
  static constexpr std::string_view name = "compose.up";
  ComposeTarget target;
  bool operator==(const ComposeUp&) const = default;
};
BOOST_DESCRIBE_STRUCT(ComposeUp, (), (target))

/// Stops, keeps containers and volumes, and takes the restart policy away, so that a reboot of the
/// host does not undo it.
struct ComposeStop {
  static constexpr std::string_view name = "compose.stop";
  ComposeTarget target;
  bool operator==(const ComposeStop&) const = default;
};
BOOST_DESCRIBE_STRUCT(ComposeStop, (), (target))

/// Checks the file, then recreates the containers of the service and leaves its dependencies alone.
struct ComposeRestart {
  static constexpr std::string_view name = "compose.restart";
  ComposeTarget target;
  bool operator==(const ComposeRestart&) const = default;
};
BOOST_DESCRIBE_STRUCT(ComposeRestart, (), (target))

/// Builds or pulls first, then recreates: what cannot be built stops nothing.
struct ComposeRebuild {
  static constexpr std::string_view name = "compose.rebuild";
  ComposeTarget target;
  bool operator==(const ComposeRebuild&) const = default;
};
BOOST_DESCRIBE_STRUCT(ComposeRebuild, (), (target))

/// Removes containers and networks. Never volumes.
struct ComposeDown {
  static constexpr std::string_view name = "compose.down";
  ComposeTarget target;
  bool operator==(const ComposeDown&) const = default;
};
BOOST_DESCRIBE_STRUCT(ComposeDown, (), (target))

/// For how long a host may run something that is not its own yet, by its own CLOCK_BOOTTIME: no
/// clock that somebody sets matters, and a boot of it is the end.
struct Lease {
  std::string boot_id;           ///< empty: there is no lease
  std::int64_t begin_by_ns = 0;  ///< a command that is read later does nothing: LEASE_OVER
  std::int64_t ends_at_ns = 0;  ///< what has not been confirmed by then is ended by the host itself
  bool operator==(const Lease&) const = default;
};
BOOST_DESCRIBE_STRUCT(Lease, (), (boot_id, begin_by_ns, ends_at_ns))

/// What registry.yml says about how to tell that a service is well, asked by its own host.
struct HealthProbe {
  std::string type;     ///< "http", "tcp"; empty: there is none
  std::string address;  ///< of the host; empty: 127.0.0.1
  std::int64_t port = 0;
  std::string host;             ///< http: the Host header; empty: the address
  std::string path;             ///< http: with its query; empty: "/"
  bool is_tls = false;          ///< http: over TLS, whatever the certificate says
  std::int64_t status = 0;      ///< http: the one that is right; 0: every one below 400
  std::int64_t timeout_ms = 0;  ///< of one attempt; 0: five seconds
  bool operator==(const HealthProbe&) const = default;
};
BOOST_DESCRIBE_STRUCT(HealthProbe,
                      (),
                      (type, address, port, host, path, is_tls, status, timeout_ms))

/// Brings a service to what it shall be, and back to what it was when its health does not come.
struct ComposeDeploy {
  static constexpr std::string_view name = "compose.deploy";
  static constexpr std::size_t text_limit = std::size_t{256} << 10U;
  ComposeTarget target;
  /// "up", "restart" (recreates), "rebuild" (builds or pulls first), "restore" (a deployment that
  /// the host kept; nothing is built or pulled), "write" (the text alone; nothing that runs is
  /// touched) or "activate" (starts what was moved here, under `lease`, and waits for
  /// `compose.confirm`).
  std::string action;
  /// deploy-YYYYMMDD-HHMMSS-xxxxxxxx, under which what runs afterwards is kept on the host; empty:
  /// it is not.
  std::string deployment;
  std::string restore;         ///< action "restore": the kept deployment to go back to
  bool replaces_text = false;  ///< the compose file gets `text`
  std::string text;            ///< at most `text_limit` bytes
  /// Of the file that `text` replaces: the SHA-256 of its bytes, in hexadecimal. Another one by
  /// now: STALE_REVISION, and nothing is done.
  std::string revision;
  /// How long health may take to come; 0: a minute.
  std::int64_t health_ms = 0;
  /// What stays up for the settle time is well: a health check that has not passed yet is not
  /// waited for.
  bool settles_only = false;
  Lease lease;        ///< of "activate"
  HealthProbe probe;  ///< of "activate": has to succeed after its containers are well
  bool operator==(const ComposeDeploy&) const = default;
};
BOOST_DESCRIBE_STRUCT(ComposeDeploy,
                      (),
                      (target,
                       action,
                       deployment,
                       restore,
                       replaces_text,
                       text,
                       revision,
                       health_ms,
                       settles_only,
                       lease,
                       probe))

/// What an "activate" started is this host's from now on. Done once for all: it is confirmed, or
/// its lease was over before and it never will be (NOT_CONFIRMED).
struct ComposeConfirm {
  static constexpr std::string_view name = "compose.confirm";
  ComposeTarget target;
  std::string activation;  ///< id of the command
  bool operator==(const ComposeConfirm&) const = default;
};
BOOST_DESCRIBE_STRUCT(ComposeConfirm, (), (target, activation))

/// A part of what belongs to a service and goes with it to another host. In the same order in both
/// commands of a transfer; only `kind` is the same on both sides for certain.
struct DataRoot {
  std::string kind;    ///< "folder" (of the compose file), "path" (another), "volume", "image"
  std::string path;    ///< folder, path: absolute on the host that reads it
  std::string volume;  ///< its name in the engine
  std::map<std::string, std::string> labels;   ///< of the volume, for the host that makes it
  std::map<std::string, std::string> options;  ///< likewise
  std::string image;                           ///< "sha256:...", what the containers run
  std::string reference;                       ///< its name there: "nginx:1.25"; empty: it has none
  bool operator==(const DataRoot&) const = default;
};
BOOST_DESCRIBE_STRUCT(DataRoot, (), (kind, path, volume, labels, options, image, reference))

/// Gives the data of a service to the host that asks for it over the stream `stream`. Changes
/// nothing here.
struct MoveSend {
  static constexpr std::string_view name = "move.send";
  std::string service;
  std::string move;    ///< id of the move
  std::string stream;  ///< those of the roots are "<stream>.<number from 0>"
  std::vector<DataRoot> roots;
  bool is_final = false;            ///< nothing writes any more: both sides compare checksums
  std::int64_t rate_limit_kib = 0;  ///< a second; 0: none
  bool operator==(const MoveSend&) const = default;
};
BOOST_DESCRIBE_STRUCT(MoveSend, (), (service, move, stream, roots, is_final, rate_limit_kib))

/// Fetches it. May be repeated: what is here already is not sent again. Something of that name that
/// is neither of this move nor in `may_replace` is left alone, and nothing is done: FOLDER_EXISTS,
/// VOLUME_EXISTS.
struct MoveReceive {
  static constexpr std::string_view name = "move.receive";
  std::string service;
  std::string move;
  std::string stream;
  std::vector<DataRoot> roots;
  bool is_final = false;
  std::int64_t rate_limit_kib = 0;
  std::int64_t total_bytes = 0;  ///< of all roots on the source, for the progress; 0: unknown
  std::vector<std::string> may_replace;  ///< paths, and "volume:<name>": kept from an earlier move
  bool operator==(const MoveReceive&) const = default;
};
BOOST_DESCRIBE_STRUCT(
    MoveReceive,
    (),
    (service, move, stream, roots, is_final, rate_limit_kib, total_bytes, may_replace))

/// Removes data that was moved: of a move that did not come about what `move.receive` made here, or
/// what is kept where the service was before. Containers that still use it: VOLUME_IN_USE, and
/// nothing is done.
struct MoveDiscard {
  static constexpr std::string_view name = "move.discard";
  ComposeTarget target;
  std::string move;
  /// Empty: what the notes of `move.receive` say it made for this move. Else just these.
  std::vector<DataRoot> roots;
  bool operator==(const MoveDiscard&) const = default;
};
BOOST_DESCRIBE_STRUCT(MoveDiscard, (), (target, move, roots))

/// The route of a service in Caddy follows a move, by Caddy's admin API: what its routes dial at
/// the old host they dial at the new one. Routes of other names are left alone. Nothing dials
/// either: ROUTE_NOT_FOUND.
struct RoutingCaddy {
  static constexpr std::string_view name = "routing.caddy";
  std::string service;
  std::string admin_api;    ///< "http://localhost:2019", "unix//run/caddy.sock"; empty: the former
  std::string config_path;  ///< what Caddy reads at its start; only looked at; empty: its usual one
  std::string hostname;
  std::string old_upstream;                ///< "192.0.2.21:8090"
  std::vector<std::string> old_spellings;  ///< other ways to write it: "localhost:8090"
  std::string new_upstream;
  bool operator==(const RoutingCaddy&) const = default;
};
BOOST_DESCRIBE_STRUCT(
    RoutingCaddy,
    (),
    (service, admin_api, config_path, hostname, old_upstream, old_spellings, new_upstream))

/// The name of a service in a hosts file follows a move, then dnsmasq reads the file anew. Other
/// lines, and other names of its line, stay byte for byte. A file that is not there or no hosts
/// file, and a name that is at neither address: ROUTE_NOT_FOUND, and nothing is changed.
struct RoutingHosts {
  static constexpr std::string_view name = "routing.hosts";
  std::string service;
  std::string path;  ///< of the hosts file, as dnsmasq's addn-hosts names it
  std::string hostname;
  std::string address;
  std::string old_address;  ///< only its lines are changed; empty: all of the name
  std::string ingress;      ///< where names point that need not follow; empty: a name that is not
                            ///< there gets a line
  bool operator==(const RoutingHosts&) const = default;
};
BOOST_DESCRIBE_STRUCT(RoutingHosts, (), (service, path, hostname, address, old_address, ingress))

/// How the routing commands begin the lines of their output that are sentences for a person: what
/// was changed, why nothing had to be, and what still has to be by hand.
inline constexpr std::string_view routing_done = "done: ";
inline constexpr std::string_view routing_nothing = "nothing to do: ";
inline constexpr std::string_view routing_left = "left: ";

/// What a command about a native or local service works on.
struct NativeTarget {
  std::string service;             ///< name in the registry
  std::string unit;                ///< systemd unit; empty: one made of service.yml
  std::vector<std::string> files;  ///< candidates for service.yml; the first that exists counts
  std::string user;                ///< who runs the commands of service.yml
  std::string working_dir;  ///< where they run; empty: service.yml says it, or its own folder
  bool operator==(const NativeTarget&) const = default;
};
BOOST_DESCRIBE_STRUCT(NativeTarget, (), (service, unit, files, user, working_dir))

/// Starts the unit, or the command of service.yml as a unit of its own; gives back the start at
/// boot that a stop took away.
struct NativeStart {
  static constexpr std::string_view name = "native.start";
  NativeTarget target;
  bool operator==(const NativeStart&) const = default;
};
BOOST_DESCRIBE_STRUCT(NativeStart, (), (target))

/// Stops it and takes its start at boot away, so that a reboot of the host does not undo it.
struct NativeStop {
  static constexpr std::string_view name = "native.stop";
  NativeTarget target;
  bool operator==(const NativeStop&) const = default;
};
BOOST_DESCRIBE_STRUCT(NativeStop, (), (target))

/// Reads service.yml first: what cannot be started is not stopped.
struct NativeRestart {
  static constexpr std::string_view name = "native.restart";
  NativeTarget target;
  bool operator==(const NativeRestart&) const = default;
};
BOOST_DESCRIBE_STRUCT(NativeRestart, (), (target))

template <template <class...> class List>
using Commands = List<ComposeUp,
                      ComposeStop,
                      ComposeRestart,
                      ComposeRebuild,
                      ComposeDown,
                      ComposeDeploy,
                      ComposeConfirm,
                      MoveSend,
                      MoveReceive,
                      MoveDiscard,
                      RoutingCaddy,
                      RoutingHosts,
                      NativeStart,
                      NativeStop,
                      NativeRestart>;

}  // namespace portoser::protocol
