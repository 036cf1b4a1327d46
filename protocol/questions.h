/// Every question that a host answers without changing anything, declared once: its name, its
/// arguments and what the answer holds. How it is answered is in agent/inspection.
#pragma once

#include "common/describe.h"
#include "protocol/commands.h"
#include "protocol/messages.h"

#include <cstddef>
#include <cstdint>
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

template <template <class...> class List>
using Questions = List<InspectCompose, PreflightCompose, InspectNeeds, PreflightNative>;

}  // namespace portoser::protocol
