/// Every question that a host answers without changing anything, declared once: its name, its
/// arguments and what the answer holds. How it is answered is in agent/inspection.
#pragma once

#include "common/describe.h"
#include "protocol/commands.h"
#include "protocol/messages.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace portoser::protocol {

/// A compose file that is longer is neither read nor written over the wire.
inline constexpr std::size_t compose_text_limit = std::size_t{256} << 10U;

/// A variable that reaches containers from a file. Its value stays on the host.
struct EnvironmentKey {
  std::string name;
  std::string file;         ///< ".env", or as `env_file` names it
  std::string fingerprint;  ///< equal ones of a host are equal values; says nothing else
  bool operator==(const EnvironmentKey&) const = default;
};
BOOST_DESCRIBE_STRUCT(EnvironmentKey, (), (name, file, fingerprint))

struct ImageInUse {
  std::string compose_service;
  std::string container;  ///< name
  std::string reference;  ///< as the compose file names it: "nginx:1.25"
  std::string image_id;   ///< "sha256:…", of what runs
  bool operator==(const ImageInUse&) const = default;
};
BOOST_DESCRIBE_STRUCT(ImageInUse, (), (compose_service, container, reference, image_id))

struct ComposeInspection {
  static constexpr std::string_view name = "compose.inspect.answer";
  std::string file;      ///< absolute; empty: no candidate is there
  std::string text;      ///< empty: none, or it is over `compose_text_limit`
  std::string revision;  ///< SHA-256 of the file's bytes, lower-case hexadecimal
  std::int64_t size_bytes = 0;
  std::vector<EnvironmentKey> environment;
  std::vector<ImageInUse> images;  ///< of the containers that are there, running or not
  std::string images_problem;      ///< why `images` is not known; empty: it is
  std::vector<std::string> kept;   ///< deployments that the host can go back to, newest first
  bool operator==(const ComposeInspection&) const = default;
};
BOOST_DESCRIBE_STRUCT(ComposeInspection,
                      (),
                      (file, text, revision, size_bytes, environment, images, images_problem, kept))

/// What is there of a service: its compose file, names of variables, images.
struct InspectCompose {
  static constexpr std::string_view name = "compose.inspect";
  using Answer = ComposeInspection;
  ComposeTarget target;
  bool operator==(const InspectCompose&) const = default;
};
BOOST_DESCRIBE_STRUCT(InspectCompose, (), (target))

/// Something that was looked at before a change, and what came of it.
struct Finding {
  std::string check;  ///< config, images, architecture, ports, disk, memory, mounts, networks …
  std::string severity;  ///< error (it would fail), warning, info
  std::string reason;    ///< UPPER_SNAKE, of docs/errors.md; empty for info
  std::string subject;   ///< the image, the port, the path that it is about
  std::string message;
  std::string hint;
  bool operator==(const Finding&) const = default;
};
BOOST_DESCRIBE_STRUCT(Finding, (), (check, severity, reason, subject, message, hint))

struct PreflightReport {
  static constexpr std::string_view name = "compose.preflight.answer";
  std::vector<Finding> findings;
  std::vector<std::string> checks;   ///< that were made, whatever they found
  std::vector<std::string> volumes;  ///< named ones of the service, as the engine calls them
  bool operator==(const PreflightReport&) const = default;
};
BOOST_DESCRIBE_STRUCT(PreflightReport, (), (findings, checks, volumes))

/// Whether an action would succeed, as far as its host can tell beforehand.
struct PreflightCompose {
  static constexpr std::string_view name = "compose.preflight";
  using Answer = PreflightReport;
  ComposeTarget target;
  std::string action;          ///< up, restart, rebuild, restore
  bool replaces_text = false;  ///< with the compose file's `text` in place of what is there
  std::string text;
  std::string restore;  ///< of "restore": the kept deployment
  bool operator==(const PreflightCompose&) const = default;
};
BOOST_DESCRIBE_STRUCT(PreflightCompose, (), (target, action, replaces_text, text, restore))

/// The same of a native or local service. The report is named as the other one's.
struct PreflightNative {
  static constexpr std::string_view name = "native.preflight";
  using Answer = PreflightReport;
  NativeTarget target;
  std::string action;      ///< start, restart
  std::vector<int> ports;  ///< that the registry names for it
  bool operator==(const PreflightNative&) const = default;
};
BOOST_DESCRIBE_STRUCT(PreflightNative, (), (target, action, ports))

/// A name in a service's own file.
struct NeedInFile {
  std::string name;  ///< a key of the same compose file; of service.yml: a service
  std::string type;  ///< required, optional, or completed: it has to run once and end well
  bool operator==(const NeedInFile&) const = default;
};
BOOST_DESCRIBE_STRUCT(NeedInFile, (), (name, type))

/// What the file of one service says that it needs.
struct NeedsInFile {
  std::string service;  ///< name in the registry
  std::string file;     ///< absolute, without symbolic links; empty: no candidate is there
  std::vector<NeedInFile> needs;
  std::string problem;  ///< why they are not known; empty: they are
  bool operator==(const NeedsInFile&) const = default;
};
BOOST_DESCRIBE_STRUCT(NeedsInFile, (), (service, file, needs, problem))

/// A file that names more is not read, and neither is one of them.
inline constexpr std::size_t most_needs = 200;
inline constexpr std::size_t longest_need = 128;  ///< bytes of a name

struct NeedsReport {
  static constexpr std::string_view name = "files.needs.answer";
  std::vector<NeedsInFile> services;
  bool operator==(const NeedsReport&) const = default;
};
BOOST_DESCRIBE_STRUCT(NeedsReport, (), (services))

/// What the compose files and service.yml of these services name as their dependencies.
struct InspectNeeds {
  static constexpr std::string_view name = "files.needs";
  using Answer = NeedsReport;
  std::vector<AssignedService> services;
  bool operator==(const InspectNeeds&) const = default;
};
BOOST_DESCRIBE_STRUCT(InspectNeeds, (), (services))

struct MoveVolume {
  std::string volume;        ///< its name in the engine
  std::string driver;        ///< "local" can be moved
  std::string path;          ///< its mount point
  bool has_options = false;  ///< of the driver: its data may lie elsewhere (NFS, tmpfs)
  std::map<std::string, std::string> labels;
  std::map<std::string, std::string> options;
  std::int64_t bytes = 0;
  std::int64_t files = 0;
  std::vector<std::string> others;  ///< containers that are not the service's and use it too
  bool operator==(const MoveVolume&) const = default;
};
BOOST_DESCRIBE_STRUCT(MoveVolume,
                      (),
                      (volume, driver, path, has_options, labels, options, bytes, files, others))

/// A path of the host that containers of the service see.
struct MoveBind {
  std::string path;           ///< absolute; what has to be there on the other host too
  std::string container;      ///< its name; the compose service's where none was made yet
  std::string in_container;   ///< empty: compose itself reads it (`env_file`, `extends`)
  std::string kind;           ///< "folder", "file", "other" (a socket, a device), "missing"
  bool is_inside = false;     ///< of the service's folder
  bool is_of_system = false;  ///< belongs to every host: /etc/localtime, /dev, the engine's socket
  bool is_read_only = false;
  std::int64_t bytes = 0;
  bool operator==(const MoveBind&) const = default;
};
BOOST_DESCRIBE_STRUCT(
    MoveBind,
    (),
    (path, container, in_container, kind, is_inside, is_of_system, is_read_only, bytes))

struct MoveImage {
  std::string compose_service;
  std::string reference;
  std::string image;  ///< "sha256:..."
  std::int64_t bytes = 0;
  bool operator==(const MoveImage&) const = default;
};
BOOST_DESCRIBE_STRUCT(MoveImage, (), (compose_service, reference, image, bytes))

struct PublishedPort {
  int port = 0;          ///< on the host
  std::string address;   ///< empty: all
  std::string protocol;  ///< tcp, udp
  bool operator==(const PublishedPort&) const = default;
};
BOOST_DESCRIBE_STRUCT(PublishedPort, (), (port, address, protocol))

struct MoveInventory {
  static constexpr std::string_view name = "move.inventory.answer";
  std::string file;            ///< the compose file, absolute
  std::int64_t candidate = 0;  ///< which of `target.files` that is
  std::string folder;          ///< its folder, without symbolic links
  std::string project;
  std::string arch;  ///< as uname says
  std::int64_t folder_bytes = 0;
  std::int64_t folder_files = 0;
  std::vector<MoveVolume> volumes;
  std::vector<MoveBind> binds;
  std::vector<std::string> anonymous;  ///< paths in containers whose volume has no name
  std::vector<MoveImage> images;       ///< each once
  std::vector<PublishedPort> ports;
  std::vector<std::string> networks;  ///< external ones: the other host has to have them
  std::vector<std::string> running;   ///< compose services of which a container is up
  bool is_counted = false;  ///< all sizes are whole; else they are what could be counted in time
  std::vector<Finding> findings;  ///< what stands against a move, seen from here
  bool operator==(const MoveInventory&) const = default;
};
BOOST_DESCRIBE_STRUCT(MoveInventory,
                      (),
                      (file,
                       candidate,
                       folder,
                       project,
                       arch,
                       folder_bytes,
                       folder_files,
                       volumes,
                       binds,
                       anonymous,
                       images,
                       ports,
                       networks,
                       running,
                       is_counted,
                       findings))

/// Everything that goes with a service when it moves to another host, and what cannot.
struct InspectMove {
  static constexpr std::string_view name = "move.inventory";
  using Answer = MoveInventory;
  ComposeTarget target;
  bool operator==(const InspectMove&) const = default;
};
BOOST_DESCRIBE_STRUCT(InspectMove, (), (target))

/// Whether a service could move here. The report is named as the preflight's.
struct PreflightMove {
  static constexpr std::string_view name = "move.preflight";
  using Answer = PreflightReport;
  std::string service;
  std::string file;        ///< where the compose file will be, absolute
  std::string arch;        ///< of the source
  std::int64_t bytes = 0;  ///< of folder and paths
  std::int64_t volume_bytes = 0;
  std::vector<std::string> volumes;
  std::vector<std::string> paths;         ///< beside the folder: they come along
  std::vector<std::string> needed_paths;  ///< that have to be here already
  std::vector<MoveImage> images;
  std::vector<PublishedPort> ports;
  std::vector<std::string> may_replace;  ///< as in MoveReceive
  std::string project;                   ///< as the inventory has it
  std::vector<std::string> networks;     ///< as the inventory has them
  bool operator==(const PreflightMove&) const = default;
};
BOOST_DESCRIBE_STRUCT(PreflightMove,
                      (),
                      (service,
                       file,
                       arch,
                       bytes,
                       volume_bytes,
                       volumes,
                       paths,
                       needed_paths,
                       images,
                       ports,
                       may_replace,
                       project,
                       networks))

template <template <class...> class List>
using Questions = List<InspectCompose,
                       PreflightCompose,
                       InspectNeeds,
                       PreflightNative,
                       InspectMove,
                       PreflightMove>;

}  // namespace portoser::protocol
