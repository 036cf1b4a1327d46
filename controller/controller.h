/// The controller: builds the rooms in the order in which they need each other, runs them, and
/// takes them down in reverse. Fleet, jobs and live telemetry share one strand ("the core").
#pragma once

#include "controller/settings.h"

namespace portoser {

class Controller {
 public:
  explicit Controller(ControllerSettings settings) : settings_(std::move(settings)) {}

  /// Runs until SIGTERM or SIGINT. Returns the exit status. What keeps it from starting is an
  /// `Error`.
  int run_until_signal();

 private:
  ControllerSettings settings_;
};

}  // namespace portoser
