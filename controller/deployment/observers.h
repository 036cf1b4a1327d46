/// What a deployment that looks first (intelligent.h) looks at, what it makes of it, and what it
/// may do about it. Whoever can look at more implements this. On the jobs' executor.
#pragma once

#include "common/describe.h"
#include "common/tasks.h"
#include "controller/jobs/run.h"
#include "protocol/questions.h"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace portoser::deployment {

/// A service and the host where it shall run.
struct Subject {
  std::string service;
  std::string machine;
};

struct Observation {
  std::string name;
  std::string status;  ///< success, failed, pending (not known, or not over)
  std::string message;
  std::map<std::string, std::string> details;
};
BOOST_DESCRIBE_STRUCT(Observation, (), (name, status, message, details))

struct Observed {
  std::vector<Observation> observations;
  std::vector<protocol::Finding> findings;
};

/// Something that can be done without asking: it takes nothing away and can be taken back.
struct Solution {
  std::string name;
  std::vector<std::string> steps;  ///< in words
  std::string service;             ///< that it is done to
};

struct Problem {
  std::string name;
  std::string severity;  ///< high, medium, low
  std::string description;
  std::string root_cause;
  std::string recommended_solution;
  std::optional<Solution> solution;  ///< none: people have to do it
};

class Observers {
 public:
  Observers() = default;
  Observers(const Observers&) = delete;
  Observers& operator=(const Observers&) = delete;
  virtual ~Observers() = default;

  /// Changes nothing. What cannot be looked at is an observation too.
  virtual asio::awaitable<Observed> observe(Subject subject) = 0;
  [[nodiscard]] virtual std::vector<Problem> diagnose(const Observed& observed) const = 0;
  /// Throws why it did not work. What it begins are parts of the run's job.
  virtual asio::awaitable<void> solve(Solution solution, std::shared_ptr<jobs::Run> run) = 0;
  /// How it stands after it was deployed, as far as that is known at once.
  [[nodiscard]] virtual Observation verify(const Subject& subject) const = 0;
};

}  // namespace portoser::deployment
