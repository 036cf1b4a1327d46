#include "agent/collect/containers.h"

#include "agent/collect/text.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <fcntl.h>
#include <unistd.h>
#include <utility>

namespace portoser::agent::collect {
namespace {

/// "net:[4026531833]"; empty, with errno set, when it cannot be read.
std::string link_target(int folder, const std::string& name) {
  std::array<char, 64> target{};
  const auto size = ::readlinkat(folder, name.c_str(), target.data(), target.size());
  return size < 0 ? std::string{} : std::string{target.data(), static_cast<std::size_t>(size)};
}

}  // namespace

ContainerCollector::ContainerCollector(std::string proc, std::string root)
    : proc_(std::move(proc)),
      root_(std::move(root)),
      own_network_(link_target(AT_FDCWD, proc_ + "/self/ns/net")) {}

void ContainerCollector::set_containers(const std::vector<ContainerHandle>& handles) {
  std::vector<Tracked> next;
  next.reserve(handles.size());
  for (const auto& handle : handles) {
    if (handle.pid <= 0) continue;
    const auto known =
        std::find_if(containers_.begin(), containers_.end(), [&](const Tracked& container) {
          return container.handle == handle;
        });
    if (known != containers_.end()) {
      next.push_back(std::move(*known));
      containers_.erase(known);
    } else {
      next.emplace_back().handle = handle;
    }
  }
  containers_ = std::move(next);
}

void ContainerCollector::set_mounts(const std::vector<Mount>& mounts) {
  auto found = cgroup_mounts(mounts, root_);
  if (found == cgroup_mounts_) return;
  cgroup_mounts_ = std::move(found);
  for (auto& container : containers_) {
    container.cgroup.reset();
    container.meter.forget_cpu();
  }
}

std::vector<protocol::ContainerSample> ContainerCollector::collect(Uptime now,
                                                                   std::size_t threads,
                                                                   ReadBuffer& buffer,
                                                                   Problems& problems) {
  std::vector<protocol::ContainerSample> samples;
  samples.reserve(containers_.size());
  for (auto& container : containers_) {
    if (container.ended) continue;
    protocol::ContainerSample sample;
    sample.id = container.handle.id;
    if (read(container, now, threads, buffer, problems, sample)) {
      container.meter.add_rates(now, sample);
      samples.push_back(std::move(sample));
    } else {
      container.process = Descriptor{};
      container.cgroup.reset();
      container.ended = true;
    }
  }
  return samples;
}

bool ContainerCollector::read(Tracked& container,
                              Uptime now,
                              std::size_t threads,
                              ReadBuffer& buffer,
                              Problems& problems,
                              protocol::ContainerSample& out) {
  if (!container.process.is_open() && !open(container, buffer, problems)) return false;
  if (!container.process.is_open()) return true;  // a problem, not the end
  return read_cgroup(container, now, threads, buffer, problems, out) &&
         read_network(container, buffer, problems, out);
}

bool ContainerCollector::open(Tracked& container, ReadBuffer& buffer, Problems& problems) {
  const auto folder = proc_ + "/" + std::to_string(container.handle.pid);
  container.process = Descriptor{::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!container.process.is_open()) {
    if (is_gone(errno)) return false;
    problems.add("containers", "the folder of a process", errno);
    return true;
  }
  const auto network = link_target(container.process.get(), "ns/net");
  if (network.empty()) {
    if (is_gone(errno)) return false;
    problems.add("containers", "the network namespace of a process", errno);
  } else if (own_network_.empty()) {
    problems.add("containers", "our own network namespace cannot be read");
  } else {
    container.network = network == own_network_ ? Network::host : Network::own;
  }
  return open_cgroup(container, buffer, problems);
}

bool ContainerCollector::open_cgroup(Tracked& container, ReadBuffer& buffer, Problems& problems) {
  container.meter.forget_cpu();
  const auto text = read_once(container.process.get(), "cgroup", buffer);
  if (text) {
    container.cgroup.emplace(*text, container.handle.id, cgroup_mounts_);
    return true;
  }
  if (is_gone(text.error())) return false;
  problems.add("containers", "the cgroup of a process", text.error());
  return true;
}

bool ContainerCollector::read_cgroup(Tracked& container,
                                     Uptime now,
                                     std::size_t threads,
                                     ReadBuffer& buffer,
                                     Problems& problems,
                                     protocol::ContainerSample& out) {
  if (!container.cgroup && !open_cgroup(container, buffer, problems)) return false;
  if (!container.cgroup) return true;
  auto usage = container.cgroup->read(buffer, problems);
  if (!usage) {
    // The cgroup went away: with its process, or because the process was moved to another.
    if (!open_cgroup(container, buffer, problems)) return false;
    usage = container.cgroup->read(buffer, problems);
    if (!usage) return false;
  }
  container.meter.add(*usage, now, threads, out);
  return true;
}

bool ContainerCollector::read_network(const Tracked& container,
                                      ReadBuffer& buffer,
                                      Problems& problems,
                                      protocol::ContainerSample& out) {
  if (container.network != Network::own) return true;
  // Not kept open: a descriptor of this file would keep the whole network namespace alive behind an
  // engine that takes it down.
  const auto text = read_once(container.process.get(), "net/dev", buffer);
  if (!text) {
    if (is_gone(text.error())) return false;
    problems.add("containers", "the interfaces of a container", text.error());
    return true;
  }
  if (!parse_interfaces(*text, interfaces_)) {
    problems.add("containers", "the interfaces of a container are not understood");
    return true;
  }
  std::int64_t received = 0;
  std::int64_t sent = 0;
  for (const auto& interface : interfaces_) {
    if (interface.name == "lo") continue;
    received += interface.receive_bytes;
    sent += interface.transmit_bytes;
  }
  out.receive_bytes = received;
  out.transmit_bytes = sent;
  return true;
}

}  // namespace portoser::agent::collect
