/// What the commands of a move do on a host: the steps of portoser-transfer. Lives on the agent's
/// Asio thread.
#pragma once

#include "agent/actions/catalogue.h"
#include "common/tasks.h"
#include "protocol/commands.h"

#include <filesystem>
#include <string>
#include <vector>

namespace portoser::agent::actions {

struct MoveSettings {
  std::string transfer_program;       ///< path of portoser-transfer
  std::string engine_socket;          ///< path of the unix socket
  std::string stream_socket;          ///< path of the agent's socket for streams
  std::filesystem::path data_folder;  ///< the agent's
};

class MoveData {
 public:
  explicit MoveData(MoveSettings settings) : settings_(std::move(settings)) {}

  void add_to(Catalogue& catalogue);

  /// The plans change nothing. Arguments that make no sense: `Error{invalid}`; the program is not
  /// there: `Error{unavailable}`. `id`: the command's.
  asio::awaitable<runner::Spec> plan_send(protocol::MoveSend command, std::string id);
  asio::awaitable<runner::Spec> plan_receive(protocol::MoveReceive command, std::string id);
  asio::awaitable<runner::Spec> plan_discard(protocol::MoveDiscard command, std::string id);

  /// The steps have done all there is to do.
  asio::awaitable<void> finish_send(protocol::MoveSend command);
  asio::awaitable<void> finish_receive(protocol::MoveReceive command);
  asio::awaitable<void> finish_discard(protocol::MoveDiscard command);

  Error explain(const StepFailure& failure);

 private:
  void require_program() const;
  [[nodiscard]] runner::Spec spec_of(const std::string& service,
                                     const std::string& id,
                                     const std::vector<std::string>& steps) const;

  MoveSettings settings_;
};

}  // namespace portoser::agent::actions
