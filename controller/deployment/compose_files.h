/// The compose file of a service, on its host: read, checked, written, and written with the service
/// brought to it. On the jobs' executor.
#pragma once

#include "common/tasks.h"
#include "controller/deployment/deploy_command.h"
#include "controller/deployment/preflight.h"
#include "controller/deployment/recording.h"
#include "controller/fleet/fleet.h"
#include "controller/jobs/jobs.h"
#include "controller/registry/watch.h"

#include <memory>
#include <string>

namespace portoser::deployment {

struct ComposeFile {
  std::string machine;
  protocol::ComposeInspection found;
};

struct TextWish {
  std::string service;
  std::string text;
  std::string revision;  ///< of the file that was read
  bool apply = false;    ///< bring the service to it, and back when that goes wrong
  std::string why;
};

class ComposeFiles {
 public:
  /// Registers its kinds of jobs with `jobs`: "write" and "update".
  ComposeFiles(registry::RegistryWatch& registry,
               fleet::Fleet& fleet,
               jobs::Jobs& jobs,
               Preflight& preflight,
               Recording& recording,
               DeployLimits limits = {});

  /// As `ServiceActions::begin` refuses it; no file: `Error{not_found}`, COMPOSE_FILE_MISSING.
  asio::awaitable<ComposeFile> read(std::string service);
  /// What would go wrong with this text.
  asio::awaitable<protocol::PreflightReport> check(std::string service, std::string text);
  /// The job that writes it. Refused before: as `read`; a text over the limit (`too_large`); an
  /// agent that cannot do it (`unavailable`, AGENT_TOO_OLD).
  asio::awaitable<jobs::Submitted> begin(TextWish wish, std::string user);

 private:
  asio::awaitable<void> carry_out(bool apply, std::shared_ptr<jobs::Run> run);

  registry::RegistryWatch& registry_;
  fleet::Fleet& fleet_;
  jobs::Jobs& jobs_;
  Preflight& preflight_;
  Recording& recording_;
  const DeployLimits limits_;
};

}  // namespace portoser::deployment
