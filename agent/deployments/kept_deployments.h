/// Deployments that this host keeps: what a compose service ran with (the text of its compose file,
/// its environment files, the ids of its images), so that each of the newest twenty can be brought
/// back exactly. They lie in `<data>/deployments/<service>/<id>/`; `deployment.json` is a
/// `KeptDeployment`. The images have a name of their own in the engine
/// (`portoser-kept/<service>-<compose service>:<id>`), so that `docker image prune` leaves them.
///
/// The values of environment files are secrets: they never leave the host and are in no log.
/// Blocking; any thread. Written by the program `portoser-deployment` alone (program/), one command
/// of a service at a time.
#pragma once

#include "common/describe.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace portoser::agent::deployments {

inline constexpr std::size_t most_kept = 20;
/// What ran before a command is kept beside them, under the command's id; so many of them.
inline constexpr std::size_t most_before = 3;
/// Of those with a text that is nowhere else so many more, without their images.
inline constexpr std::size_t most_displaced = 20;

struct KeptFile {
  std::string path;      ///< absolute
  bool is_there = true;  ///< false: there was none
  std::int64_t mode = 0;
  std::int64_t uid = 0;
  std::int64_t gid = 0;
  std::string sha256;  ///< of its bytes, in hexadecimal
  bool operator==(const KeptFile&) const = default;
};
BOOST_DESCRIBE_STRUCT(KeptFile, (), (path, is_there, mode, uid, gid, sha256))

struct KeptImage {
  std::string compose_service;
  std::string container;  ///< its name
  std::string reference;  ///< as the container names it: "nginx:1.25"
  std::string image_id;   ///< "sha256:..."
  std::string tag;        ///< of ours, that holds the image
  /// Of what ran before a command: which image `reference` meant then, if any; it need not be that
  /// of the container.
  std::string meant{};
  bool operator==(const KeptImage&) const = default;
};
BOOST_DESCRIBE_STRUCT(KeptImage, (), (compose_service, container, reference, image_id, tag, meant))

/// As it stood when it was written down.
struct KeptContainer {
  std::string id;
  std::string name;
  std::string compose_service;
  std::string image_id;
  std::string state;
  std::string health;
  std::int64_t exit_code = 0;
  std::int64_t started_us = 0;
  bool operator==(const KeptContainer&) const = default;

  [[nodiscard]] bool is_up() const {
    return state == "running" || state == "restarting" || state == "paused";
  }
};
BOOST_DESCRIBE_STRUCT(KeptContainer,
                      (),
                      (id, name, compose_service, image_id, state, health, exit_code, started_us))

struct KeptDeployment {
  std::string id;
  std::int64_t number = 0;   ///< counts up with each of the service, whatever the clock does
  std::int64_t time_us = 0;  ///< wall clock
  std::string service;       ///< its name in the registry
  std::string file;          ///< the compose file, absolute
  std::string project;
  std::string compose_service;  ///< empty: the whole project
  std::string text_sha256;
  std::vector<KeptFile> env_files;
  std::vector<KeptImage> images;
  std::vector<KeptContainer> containers;
  bool operator==(const KeptDeployment&) const = default;
};
BOOST_DESCRIBE_STRUCT(KeptDeployment,
                      (),
                      (id,
                       number,
                       time_us,
                       service,
                       file,
                       project,
                       compose_service,
                       text_sha256,
                       env_files,
                       images,
                       containers))

/// deploy-YYYYMMDD-HHMMSS-xxxxxxxx
bool is_deployment_id(const std::string& text);

class KeptDeployments {
 public:
  /// `data`: the agent's folder. Nothing is made before something is kept.
  explicit KeptDeployments(std::filesystem::path data);

  /// Newest first. One that cannot be read is left out, with a warning.
  [[nodiscard]] std::vector<KeptDeployment> list(const std::string& service) const;
  [[nodiscard]] std::optional<KeptDeployment> find(const std::string& service,
                                                   const std::string& id) const;
  /// Of its compose file. Gone or damaged: `Error`.
  [[nodiscard]] std::string text(const KeptDeployment& kept) const;
  /// Of `kept.env_files[index]`. Secrets.
  [[nodiscard]] std::string env_file(const KeptDeployment& kept, std::size_t index) const;

  /// What ran before a command, by the command's id.
  [[nodiscard]] std::optional<KeptDeployment> find_before(const std::string& service,
                                                          const std::string& command) const;
  /// Oldest first.
  [[nodiscard]] std::vector<KeptDeployment> list_before(const std::string& service) const;

  /// The room of the service; `kept.id` is the name in it.
  [[nodiscard]] std::filesystem::path folder_of(const std::string& service) const;
  [[nodiscard]] std::filesystem::path folder_of(const KeptDeployment& kept) const;
  /// Whole or not at all, also when the power goes; gives it its number. There already: nothing is
  /// done. `env_texts` are those of the files that are there; the others are empty.
  void write(KeptDeployment kept,
             const std::string& text,
             const std::vector<std::string>& env_texts) const;
  void remove(const KeptDeployment& kept) const;

  /// Where the bytes of that file lie, if they are among those of `kept`.
  [[nodiscard]] std::optional<std::filesystem::path> copy_of(const KeptDeployment& kept,
                                                             const std::string& path,
                                                             const std::string& sha256) const;
  /// What the pruning has to know: it holds a text that is nowhere else; its images are not held
  /// any more.
  enum class Mark { displaced, imageless };
  void mark(const KeptDeployment& kept, Mark mark) const;
  [[nodiscard]] bool is_marked(const KeptDeployment& kept, Mark mark) const;

 private:
  [[nodiscard]] std::vector<KeptDeployment> read_all(const std::string& service,
                                                     bool (*is_wanted)(const std::string&)) const;

  std::filesystem::path folder_;
};

}  // namespace portoser::agent::deployments
