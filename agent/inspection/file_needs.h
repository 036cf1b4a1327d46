/// What the files of services on this host say that they need. In portoser-inspect only. Blocking.
#pragma once

#include "protocol/questions.h"

namespace portoser::agent::inspection {

/// One entry for each service that was asked for, in that order. Of a whole compose project nothing
/// is named: what its services need is in it.
protocol::NeedsReport needs_in_files(const protocol::InspectNeeds& asked);

}  // namespace portoser::agent::inspection
