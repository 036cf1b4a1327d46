/// What `portoser-deployment` asks of the Docker engine, one call after the other. Blocking.
#pragma once

#include "agent/engine/client.h"
#include "agent/engine/container.h"

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace portoser::agent::deployments {

/// Errors are those of `engine::Client`.
class EngineCalls {
 public:
  EngineCalls() = default;
  EngineCalls(const EngineCalls&) = delete;
  EngineCalls& operator=(const EngineCalls&) = delete;
  virtual ~EngineCalls() = default;

  virtual void ping() = 0;
  virtual std::vector<engine::Container> containers() = 0;
  virtual std::string health_output(const std::string& id) = 0;
  /// `grace`: instead of the container's own time to end by itself.
  virtual void stop_container(const std::string& id, std::optional<std::chrono::seconds> grace) = 0;
  virtual void start_container(const std::string& id) = 0;
  virtual void rename_container(const std::string& id, const std::string& name) = 0;
  virtual void remove_container(const std::string& id) = 0;
  virtual void set_restart_policy(const std::string& id, const std::string& policy) = 0;
  virtual std::optional<std::string> image_id(const std::string& reference) = 0;
  virtual void tag_image(const std::string& image,
                         const std::string& repository,
                         const std::string& tag) = 0;
  virtual void untag_image(const std::string& reference) = 0;
};

class RealEngine : public EngineCalls {
 public:
  /// `limit`: of each call. The usual one is for a busy disk, or a container that takes its time to
  /// stop.
  explicit RealEngine(const std::string& socket,
                      std::chrono::seconds limit = std::chrono::seconds{60});

  void ping() override;
  std::vector<engine::Container> containers() override;
  std::string health_output(const std::string& id) override;
  void stop_container(const std::string& id, std::optional<std::chrono::seconds> grace) override;
  void start_container(const std::string& id) override;
  void rename_container(const std::string& id, const std::string& name) override;
  void remove_container(const std::string& id) override;
  void set_restart_policy(const std::string& id, const std::string& policy) override;
  std::optional<std::string> image_id(const std::string& reference) override;
  void tag_image(const std::string& image,
                 const std::string& repository,
                 const std::string& tag) override;
  void untag_image(const std::string& reference) override;

 private:
  template <class T>
  T wait(asio::awaitable<T> call);

  asio::io_context context_{1};
  engine::Client client_;
};

}  // namespace portoser::agent::deployments
