/// A picture of a service's uptime from few events. Whoever paints it has the service up from a
/// start, a recovery or a restart on, and down from a stop or a failure on, until the next event.
/// Pure; any thread.
#pragma once

#include "controller/telemetry/uptime.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace portoser::telemetry {

/// Whether it is painted up after that.
bool is_painted_up(UptimeChange change);

/// The ids of `most` of the events in [from, to) at most, of which the picture deviates for the
/// shortest time from that of all: what lasted shortest is left out, and its two neighbours become
/// one. How it begins, which `began_up` tells, and how it ends stay. Where there is room the newest
/// of those are taken too that change no colour. `events` by time.
std::vector<std::int64_t> telling_events(
    const std::vector<UptimeEvent>& events, Time from, Time to, bool began_up, std::size_t most);

}  // namespace portoser::telemetry
