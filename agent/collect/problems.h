/// What could not be read for a sample: one entry for each cause, in every sample for as long as it
/// lasts, so that the controller always knows; logged when it begins.
#pragma once

#include "protocol/messages.h"

#include <string>
#include <string_view>
#include <vector>

namespace portoser::agent::collect {

class Problems {
 public:
  void add(std::string_view collector, std::string message);
  /// "cannot read <what>: <text of the errno>".
  void add(std::string_view collector, std::string_view what, int code);
  /// Those of this sample; the next one begins without any.
  std::vector<protocol::CollectProblem> take();

 private:
  std::vector<protocol::CollectProblem> now_;
  std::vector<protocol::CollectProblem> before_;
};

}  // namespace portoser::agent::collect
