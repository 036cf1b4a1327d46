/// How a job ended, as its record says it.
#pragma once

#include "common/clock.h"
#include "common/error.h"
#include "controller/storage/job_store.h"

namespace portoser::jobs {

/// Writes how it ended into the record; no error: it succeeded. What nobody can know is
/// "interrupted".
void finish(storage::JobRecord& record, const Error* error, Time now);

}  // namespace portoser::jobs
