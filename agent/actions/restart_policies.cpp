#include "agent/actions/restart_policies.h"

#include "common/describe_json.h"
#include "common/file.h"
#include "common/log.h"

#include <string>
#include <utility>

namespace portoser::agent::actions {

RestartPolicies::RestartPolicies(std::filesystem::path file,
                                 EngineControl& engine,
                                 asio::thread_pool& pool)
    : engine_(engine), pool_(pool), file_(std::make_shared<NewestFile>(std::move(file))) {
  try {
    from_json(Json::parse(read_file(file_->path())), remembered_, "policies");
  } catch (const Error& error) {
    if (error.code() == Code::not_found) return;
    log::warn("actions", "restart policies cannot be read", {{"reason", error.what()}});
  } catch (const std::exception& error) {
    log::warn("actions", "restart policies cannot be read", {{"reason", error.what()}});
  }
}

RestartPolicies::~RestartPolicies() = default;

asio::awaitable<void> RestartPolicies::take_away(std::vector<engine::Container> containers) {
  std::erase_if(containers, [](const auto& container) {
    return container.restart_policy.empty() || container.restart_policy == "no";
  });
  if (containers.empty()) co_return;
  for (const auto& container : containers) {
    remembered_.insert_or_assign(container.id, container.whole_policy());
  }
  co_await save();
  for (const auto& container : containers) co_await set(container.id, "no");
}

asio::awaitable<void> RestartPolicies::give_back(std::vector<engine::Container> containers) {
  bool changed = false;
  for (const auto& container : containers) {
    const auto found = remembered_.find(container.id);
    if (found == remembered_.end()) continue;
    const auto policy = found->second;
    // Somebody else may have given it another meanwhile: that one stays.
    if (container.restart_policy == "no") co_await set(container.id, policy);
    remembered_.erase(container.id);
    changed = true;
  }
  if (changed) co_await save();
}

asio::awaitable<void> RestartPolicies::reconcile() {
  if (remembered_.empty()) co_return;
  const auto containers = co_await engine_.containers();
  std::map<std::string, std::string> gone = remembered_;
  std::vector<engine::Container> running;
  std::vector<engine::Container> stopped;
  for (const auto& container : containers) {
    if (gone.erase(container.id) == 0) continue;
    (container.is_up() ? running : stopped).push_back(container);
  }
  for (const auto& [id, policy] : gone) remembered_.erase(id);
  if (!gone.empty()) co_await save();
  co_await give_back(std::move(running));
  co_await take_away(std::move(stopped));
}

asio::awaitable<void> RestartPolicies::set(std::string id, std::string policy) {
  try {
    co_await engine_.set_restart_policy(std::move(id), std::move(policy));
  } catch (const Error& error) {
    if (error.code() != Code::not_found) throw;  // removed meanwhile: nothing to restart
  }
}

asio::awaitable<void> RestartPolicies::save() {
  auto write = [file = file_, version = ++version_, text = dump(to_json(remembered_))] {
    file->write(version, text);
  };
  co_await on_pool(pool_, std::move(write));
}

}  // namespace portoser::agent::actions
