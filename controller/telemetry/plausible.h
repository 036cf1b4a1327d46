/// What an agent says, where it can be true. Telemetry takes nothing else in, so nobody behind it
/// meets a number that is none, or one that overflows. Pure; any thread.
///
/// The bounds lie far beyond any machine: percentages 0 to 100 (a little more, for rounding), loads
/// to a million, sizes to 1 EiB, counters to 4 EiB, rates to 100 TB a second, temperatures from
/// absolute zero to 10,000 degrees, dates to the year 9999.
#pragma once

#include "protocol/messages.h"

namespace portoser::telemetry {

/// What cannot be true becomes unknown, as if the host could not have been read: a value; all of
/// the memory, a disk, an interface or a sensor where the wrong value is one that they always have.
void make_plausible(protocol::Sample& sample);
void make_plausible(protocol::State& state);

}  // namespace portoser::telemetry
