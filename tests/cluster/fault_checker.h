/// What must hold after a run of faults. Pure: its own test doctors the evidence.
#pragma once

#include "tests/cluster/fault_evidence.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace portoser::test {

/// Messages that the host made and the database has not, neither by number nor, told again by a
/// later agent, by what they say. Without those that may be lost.
std::vector<Made> missing(const HostEvidence& host);

/// Numbers of samples that the host took and the database has not: the first and the last of each
/// stretch. Without those that may be lost.
std::vector<std::pair<std::int64_t, std::int64_t>> missing_samples(const HostEvidence& host);

/// A sentence for each thing that is lost, doubled, out of order, invented or untrue.
std::vector<std::string> contradictions(const Evidence& evidence);

/// How much there was to find: a run without crashes says nothing about them.
std::string extent_of(const Evidence& evidence);

}  // namespace portoser::test
