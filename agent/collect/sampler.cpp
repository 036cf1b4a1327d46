#include "agent/collect/sampler.h"

#include <chrono>

namespace portoser::agent::collect {

Sampler::Sampler(const Clock& clock, const SamplerPaths& paths)
    : clock_(clock),
      boot_id_(boot_id(paths)),
      mounts_(paths.proc),
      cpu_(paths.proc),
      load_(paths.proc),
      memory_(paths.proc),
      disk_(paths.proc, paths.root),
      network_(paths.proc),
      temperature_(paths.root),
      containers_(paths.proc, paths.root),
      units_(paths.root) {}

void Sampler::set_containers(const std::vector<ContainerHandle>& handles) {
  containers_.set_containers(handles);
}

void Sampler::set_units(const std::vector<UnitHandle>& handles) {
  units_.set_units(handles);
}

protocol::Sample Sampler::sample() {
  const auto now = clock_.uptime();
  const double seconds = before_ ? std::chrono::duration<double>(now - *before_).count() : 0.0;
  before_ = now;

  protocol::Sample sample;
  sample.when.boot_id = boot_id_;
  sample.when.uptime_ns = now.count();
  sample.when.wall_us = to_unix_us(clock_.now());
  if (mounts_.refresh(buffer_, problems_)) {
    disk_.set_mounts(mounts_.mounts());
    containers_.set_mounts(mounts_.mounts());
    units_.set_mounts(mounts_.mounts());
  }
  cpu_.collect(buffer_, problems_, sample.cpu);
  load_.collect(buffer_, problems_, sample.cpu);
  if (const auto booted = cpu_.boot_time_s()) {
    constexpr std::int64_t second_us = 1'000'000;
    sample.boot_time_us = *booted * second_us;
  } else {
    problems_.add("cpu", "the time of this boot is not known");
  }
  sample.memory = memory_.collect(buffer_, problems_);
  sample.disks = disk_.collect(seconds, buffer_, problems_);
  sample.networks = network_.collect(seconds, buffer_, problems_);
  sample.temperatures = temperature_.collect(seconds, buffer_);
  sample.containers = containers_.collect(now, cpu_.threads(), buffer_, problems_);
  units_.collect(now, cpu_.threads(), buffer_, problems_, sample.containers);
  sample.problems = problems_.take();
  return sample;
}

}  // namespace portoser::agent::collect
