/// A deployment that looks first: a job about one service with four phases. It observes, makes
/// problems of what it found, solves what it safely can (when it may), and deploys through a batch
/// of one move, which restarts or starts the service where it is, or moves it. What it tells is
/// stored with the job (docs/sockets.md). On the jobs' executor.
#pragma once

#include "common/describe.h"
#include "common/tasks.h"
#include "controller/deployment/batches.h"
#include "controller/deployment/observers.h"
#include "controller/deployment/recording.h"
#include "controller/jobs/jobs.h"
#include "controller/jobs/listener.h"
#include "controller/registry/watch.h"

#include <array>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace portoser::deployment {

struct IntelligentWish {
  std::string service;
  std::string machine;     ///< where it shall run
  bool auto_heal = false;  ///< what can safely be solved is
  bool dry_run = false;    ///< ends before anything is changed
};

class Intelligent : public jobs::Listener {
 public:
  static constexpr auto kind = "intelligent";
  /// The steps of its jobs; a dry run has the first three.
  static constexpr std::array<const char*, 4> phases{
      "Observe", "Diagnose", "Solve", "Deploy & verify"};

  /// Registers its kind of jobs with `jobs`; to be added as a listener.
  Intelligent(registry::RegistryWatch& registry,
              jobs::Jobs& jobs,
              Batches& batches,
              Recording& recording,
              Observers& observers);

  /// Begins the job, or joins an identical one, and returns before it looks at anything. Unknown
  /// names: `Error{invalid}`, SERVICE_UNKNOWN, MACHINE_UNKNOWN; another job for the service:
  /// `Error{conflict}`, BUSY. Everything else is found by the job.
  asio::awaitable<jobs::Submitted> begin(IntelligentWish wish, std::string user);

  /// What a job of this kind was asked for.
  static IntelligentWish wish_of(const storage::JobRecord& job);

  // What the batch does is told as its own.
  void job_step(const storage::JobRecord& job) override;
  void job_log(const storage::JobRecord& job, const storage::JobLogLine& line) override;
  void job_finished(const storage::JobRecord& job) override;

 private:
  /// A batch that a job of ours waits for.
  struct Followed {
    std::shared_ptr<jobs::Run> run;
    std::string step;  ///< of the part of the batch
    std::string line;  ///< its newest in that step
  };
  /// For as long as it is waited for.
  struct Following {
    std::map<std::string, Followed>& all;
    std::string batch;
    ~Following() { all.erase(batch); }
  };

  asio::awaitable<void> carry_out(std::shared_ptr<jobs::Run> run);
  asio::awaitable<void> work(std::shared_ptr<jobs::Run> run);
  asio::awaitable<void> resume(std::shared_ptr<jobs::Run> run);
  asio::awaitable<std::vector<Problem>> look(std::shared_ptr<jobs::Run> run);
  asio::awaitable<void> solve_all(std::shared_ptr<jobs::Run> run, std::vector<Problem> problems);
  asio::awaitable<void> solve(std::shared_ptr<jobs::Run> run, Solution solution);
  asio::awaitable<void> deploy(std::shared_ptr<jobs::Run> run);
  asio::awaitable<void> await_batch(std::shared_ptr<jobs::Run> run, std::string batch);
  asio::awaitable<void> require_success(storage::JobRecord batch);
  static const storage::JobStep* failed_step(const storage::JobRecord& job,
                                             const std::string& name);
  Followed* followed_by(const storage::JobRecord& job);

  registry::RegistryWatch& registry_;
  jobs::Jobs& jobs_;
  Batches& batches_;
  Observers& observers_;
  jobs::Work recorded_;                       ///< `work` with a record in the history
  std::map<std::string, Followed> followed_;  ///< by the ids of the batches
};

}  // namespace portoser::deployment
