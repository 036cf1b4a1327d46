/// The Docker engine of a host, as far as a transfer asks it.
#pragma once

#include "agent/transfer/engine_data.h"

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace portoser::agent::transfer {

class FakeEngineData : public EngineData {
 public:
  /// `folder`: its volumes lie in it.
  explicit FakeEngineData(std::filesystem::path folder) : folder_(std::move(folder)) {}

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

  std::map<std::string, Volume> volumes;
  std::vector<ContainerUse> list;
  std::map<std::string, std::string> images;    ///< name, or id -> id
  std::map<std::string, std::string> contents;  ///< id -> its tar
  std::string loaded_id;                        ///< of the next image that is loaded
  bool is_away = false;                         ///< no volume can be made

 private:
  std::filesystem::path folder_;
};

}  // namespace portoser::agent::transfer
