/// Devices as people change them: approval, settings, owner, removal.
#pragma once

#include "common/tasks.h"
#include "controller/fleet/fleet.h"
#include "controller/http/call.h"

namespace portoser::http {
class Router;
}

namespace portoser::api {

struct ApprovalAnswer;
struct UpdateAnswer;
struct TransferRequest;
struct TransferAnswer;
struct RemovalAnswer;
struct CacheAnswer;
struct CacheStats;

class DeviceChangesApi {
 public:
  /// `core`: the fleet's executor.
  DeviceChangesApi(fleet::Fleet& fleet,
                   registry::RegistryWatch& registry,
                   asio::any_io_executor core)
      : fleet_(fleet), registry_(registry), core_(std::move(core)) {}

  void add_to(http::Router& router);

 private:
  asio::awaitable<ApprovalAnswer> approve(http::Call<void> call);
  asio::awaitable<ApprovalAnswer> reject(http::Call<void> call);
  asio::awaitable<UpdateAnswer> update(http::Call<fleet::DeviceUpdate> call);
  asio::awaitable<TransferAnswer> transfer(http::Call<TransferRequest> call);
  asio::awaitable<RemovalAnswer> remove(http::Call<void> call);
  CacheStats cache_stats(http::Call<void> call);
  asio::awaitable<CacheAnswer> forget_cache(http::Call<void> call);

  fleet::Fleet& fleet_;
  registry::RegistryWatch& registry_;
  asio::any_io_executor core_;
};

}  // namespace portoser::api
