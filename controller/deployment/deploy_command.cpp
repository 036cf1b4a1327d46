#include "controller/deployment/deploy_command.h"

#include "controller/history/history.h"
#include "protocol/codec.h"

#include <utility>

namespace portoser::deployment {

asio::awaitable<void> deploy(std::shared_ptr<jobs::Run> run,
                             protocol::ComposeDeploy command,
                             DeployLimits limits) {
  using std::chrono::milliseconds;
  if (command.action != "write") command.deployment = history::History::id_of(run->record());
  command.health_ms = milliseconds{limits.health}.count();
  std::string name{protocol::ComposeDeploy::name};
  auto arguments = protocol::encode_arguments(command);
  auto running = run->command(std::move(name), std::move(arguments), limits.change + limits.health);
  co_await std::move(running);
}

}  // namespace portoser::deployment
