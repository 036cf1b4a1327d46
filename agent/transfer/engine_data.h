/// What a transfer asks of the Docker engine: volumes, images, and who uses what. Blocking.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace portoser::agent::transfer {

struct Volume {
  std::string name;
  std::string folder;  ///< where its data lies on this host
  std::map<std::string, std::string> labels;
};

/// A container, running or not.
struct ContainerUse {
  std::string name;
  std::vector<std::string> volumes;  ///< names
  std::vector<std::string> paths;    ///< of the host, that it mounts
  std::set<std::string> read_only;   ///< those of both that it can only read
  std::string compose_folder;        ///< of the compose file that it was made from; empty: none
  bool is_up = false;
};

/// Every call may end with `Error{unavailable, ENGINE_UNAVAILABLE}`, with
/// `Error{unavailable, ENGINE_ERROR}` or as the engine says (`not_found`, `conflict`, `invalid`).
class EngineData {
 public:
  using Sink = std::function<void(std::string_view)>;
  /// Fills the block; 0: that was all.
  using Source = std::function<std::size_t(char*, std::size_t)>;

  EngineData() = default;
  EngineData(const EngineData&) = delete;
  EngineData& operator=(const EngineData&) = delete;
  virtual ~EngineData() = default;

  virtual std::optional<Volume> volume(const std::string& name) = 0;
  virtual Volume create_volume(const std::string& name,
                               const std::map<std::string, std::string>& options,
                               const std::map<std::string, std::string>& labels) = 0;
  /// Gone already: fine. A container uses it: `Error{conflict}`.
  virtual void remove_volume(const std::string& name) = 0;
  virtual std::vector<ContainerUse> containers() = 0;

  /// By name or id; none: it is not here.
  virtual std::optional<std::string> image_id(const std::string& reference) = 0;
  virtual void tag_image(const std::string& id,
                         const std::string& name,
                         const std::string& tag) = 0;
  /// As a tar, a block at a time. `rate_limit_kib` a second; 0: none.
  virtual void save_image(const std::string& reference,
                          std::int64_t rate_limit_kib,
                          const Sink& sink) = 0;
  virtual void load_image(const Source& source) = 0;
};

class RealEngineData : public EngineData {
 public:
  explicit RealEngineData(std::string socket) : socket_(std::move(socket)) {}

  std::optional<Volume> volume(const std::string& name) override;
  Volume create_volume(const std::string& name,
                       const std::map<std::string, std::string>& options,
                       const std::map<std::string, std::string>& labels) override;
  void remove_volume(const std::string& name) override;
  std::vector<ContainerUse> containers() override;
  std::optional<std::string> image_id(const std::string& reference) override;
  void tag_image(const std::string& id, const std::string& name, const std::string& tag) override;
  void save_image(const std::string& reference,
                  std::int64_t rate_limit_kib,
                  const Sink& sink) override;
  void load_image(const Source& source) override;

 private:
  std::string ask(const std::string& method, const std::string& path, const std::string& body = {});
  const std::string& version();

  std::string socket_;
  std::string version_;  ///< "/v1.41"; empty: not asked yet
};

/// The list of containers as the engine sends it. Pure.
std::vector<ContainerUse> container_uses_from(std::string_view json);

}  // namespace portoser::agent::transfer
