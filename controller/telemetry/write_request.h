/// Requests of Prometheus remote write 1.0 from what waits in the queue. Pure; any thread.
#pragma once

#include "controller/storage/outgoing_store.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace portoser::telemetry {

using ExternalLabels = std::map<std::string, std::string>;

struct WriteRequest {
  std::string body;  ///< protobuf, compressed by snappy's block format
  std::int64_t samples = 0;
};

struct WriteRequests {
  std::vector<WriteRequest> requests;  ///< to be sent in this order
  std::int64_t damaged = 0;            ///< samples that could not be read
};

/// All samples of the rows: those of a series together and in the order of their time, the newest
/// of one time only; labels in the order of their names, each value valid UTF-8. An external label
/// does not replace one of ours. A request has `most_samples` at most.
WriteRequests make_requests(const std::vector<storage::OutgoingSample>& rows,
                            const ExternalLabels& external,
                            std::size_t most_samples);

/// Series of no host, `portoser_remote_write_probe{number}`: whether a store takes anything now. So
/// many that each part of a store that is spread over machines gets some.
WriteRequest make_probe(std::int64_t time_ms, const ExternalLabels& external);

/// The text with U+FFFD in the place of each byte that is not UTF-8 (RFC 3629).
std::string valid_utf8(std::string_view text);

}  // namespace portoser::telemetry
