/// The step of `move.send`: serves what the other host asks for, one stream after the other, until
/// it says that this was all. Blocking.
#pragma once

#include "agent/transfer/channel.h"
#include "agent/transfer/engine_data.h"
#include "agent/transfer/parameters.h"
#include "agent/transfer/request.h"

#include <chrono>
#include <string>

namespace portoser::agent::transfer {

struct SendLimits {
  /// For the next thing that is asked for: an image is loaded there meanwhile, say.
  std::chrono::milliseconds idle{std::chrono::minutes{30}};
  /// After one that went wrong: the other host says at once what becomes of it.
  std::chrono::milliseconds after_failure{std::chrono::minutes{1}};
};

class Send {
 public:
  /// All references must outlive it.
  Send(const Parameters& parameters, EngineData& engine, SendLimits limits = {});

  /// Errors: RSYNC_MISSING; TRANSFER_CUT, also when the other host gave up, with its words;
  /// `internal` when something failed here and the other host said nothing more; what
  /// `request_from` and `served_arguments` refuse.
  void run();

 private:
  void require_stopped();
  void serve(const Request& request, Channel& channel);
  void serve_files(const Request& request, Channel& channel);
  void serve_manifest(const protocol::DataRoot& root, Channel& channel);
  void serve_image(const protocol::DataRoot& root, Channel& channel);
  std::string folder_of(const protocol::DataRoot& root);

  const Parameters& parameters_;
  EngineData& engine_;
  SendLimits limits_;
  std::string rsync_;
  std::string trouble_;  ///< what went wrong in the last thing that was served; empty: nothing
  bool is_trouble_cut_ = false;  ///< the stream broke, as far as rsync can tell
};

/// "volume notes_data", "folder /srv/notes".
std::string name_of(const protocol::DataRoot& root);

}  // namespace portoser::agent::transfer
