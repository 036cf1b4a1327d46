#include "agent/deployments/program/health_watch.h"
#include "agent/deployments/program/work.h"
#include "common/error.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <sstream>
#include <utility>
#include <vector>

namespace portoser::agent::deployments {
namespace {

using Kind = HealthVerdict::Kind;

constexpr std::chrono::milliseconds look_again{200};
constexpr std::chrono::milliseconds usual_patience{60'000};

std::chrono::milliseconds patience_of(const Parameters& parameters) {
  // Long enough for what has no check to be up for its time.
  const std::chrono::milliseconds least{parameters.settle_ms + 1000};
  const std::chrono::milliseconds asked{parameters.health_ms};
  return std::max(least, asked.count() > 0 ? asked : usual_patience);
}

/// The end of what its check wrote, each line behind the container's name.
void print_check(EngineCalls& engine, const engine::Container& container) {
  constexpr std::size_t most_lines = 10;
  constexpr std::size_t longest_line = 300;
  std::string output;
  try {
    output = engine.health_output(container.id);
  } catch (const Error& error) {
    output = error.message();
  }
  std::vector<std::string> lines;
  std::istringstream text{output};
  for (std::string line; std::getline(text, line);) {
    if (!line.empty()) lines.push_back(line.substr(0, longest_line));
  }
  const auto from = lines.size() > most_lines ? lines.size() - most_lines : 0;
  for (auto i = from; i < lines.size(); ++i) {
    fmt::print("{}: health check: {}\n", container.name, lines[i]);
  }
}

/// What was asked of the service itself, and how it answered to the end.
Error not_answering(const std::string& answer,
                    std::chrono::milliseconds patience,
                    const std::vector<engine::Container>& containers) {
  std::string hint = "registry.yml names this check (health, healthcheck_url)";
  if (!containers.empty()) {
    hint += "; its own words: docker logs --tail 50 " + containers.front().name;
  }
  return Error{Code::internal,
               fmt::format("{}, after {} s", answer, (patience.count() + 999) / 1000)}
      .reason("HEALTH_NOT_BACK")
      .hint(hint);
}

/// What had ended before the command and is as it was: an orphan, a one-shot of a profile, another
/// replica.
void leave_alone_what_had_ended(HealthWatch& watch, const KeptDeployment& ran) {
  for (const auto& container : ran.containers) {
    if (container.is_up()) continue;
    watch.leave_alone(container.id, container.started_us, container.state);
  }
}

bool had_ended(const KeptDeployment& ran, const engine::Container& container) {
  return std::any_of(ran.containers.begin(), ran.containers.end(), [&](const auto& one) {
    return one.id == container.id && !one.is_up() && one.started_us == container.started_us &&
           one.state == container.state;
  });
}

}  // namespace

/// One attempt; without a probe all is well.
ProbeAnswer Work::probe(std::chrono::steady_clock::time_point end) const {
  if (!is_activation() || parameters_.probe.type.empty()) return {true, {}};
  // Whoever begins one with nothing left hears no more than that.
  constexpr std::chrono::milliseconds least{1000};
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - clock_.now());
  return ask_probe_(parameters_.probe, std::max(left, least));
}

int Work::health() {
  const auto patience = patience_of(parameters_);
  const auto end = clock_.now() + patience;
  HealthWatch watch{std::chrono::milliseconds{parameters_.settle_ms}};
  const auto ran = before();
  leave_alone_what_had_ended(watch, ran);
  for (const auto& container : ran.containers) {
    if (container.is_up() && container.health == "unhealthy") {
      watch.leave_alone(container.id, container.started_us, container.state);
    }
  }
  std::set<std::string> gone;  // stopped by us
  if (replaces_file()) {
    for (const auto& one : unnamed(new_text(), store_.text(ran))) gone.insert(one.id);
  }
  std::string answer;  // to the last attempt of the probe
  for (;;) {
    auto now = containers();
    std::erase_if(now, [&](const auto& container) { return gone.contains(container.id); });
    if (parameters_.settles_only) {
      for (auto& container : now) {
        if (container.health == "starting") container.health.clear();
      }
    }
    const auto verdict = watch.look(now, clock_.now_us(), clock_.now());
    const auto& name = verdict.container.name;
    const auto words = fmt::format("its own words: docker logs --tail 50 {}", name);
    switch (verdict.kind) {
      case Kind::well: {
        auto asked = probe(end);
        if (asked.is_well) {
          if (!asked.text.empty()) fmt::print("{}\n", asked.text);
          return 0;
        }
        if (answer.empty()) fmt::print("its containers are well, but {}\n", asked.text);
        answer = std::move(asked.text);
        if (clock_.now() >= end) throw not_answering(answer, patience, now);
        break;
      }
      case Kind::exited:
        // Read by the agent, which gives it to whoever asked.
        if (verdict.container.state != "running") {
          fmt::print("exit: {}\n", verdict.container.exit_code);
        }
        throw Error{Code::internal, verdict.text}.reason("CONTAINER_EXITED").hint(words);
      case Kind::unhealthy:
        print_check(engine_, verdict.container);
        throw Error{Code::internal, verdict.text + ": its health check failed"}
            .reason("HEALTH_NOT_BACK")
            .hint(words);
      case Kind::waits:
        break;
    }
    if (verdict.kind != Kind::well && clock_.now() >= end) {
      print_check(engine_, verdict.container);
      throw Error{Code::internal,
                  fmt::format("{} within {} s", verdict.text, (patience.count() + 999) / 1000)}
          .reason("HEALTH_NOT_BACK")
          .hint(words);
    }
    clock_.pause(look_again);
  }
}

int Work::undo_health() {
  const auto ran = before();
  const auto up = services_up(ran);
  std::map<std::string, std::set<std::string>> images;
  std::map<std::string, std::size_t> counts;
  std::set<std::string> was_not_well;
  for (const auto& container : ran.containers) {
    if (!container.is_up()) continue;
    images[container.compose_service].insert(container.image_id);
    ++counts[container.compose_service];
    const bool is_well = container.state != "restarting" &&
                         (container.health.empty() || container.health == "healthy");
    if (!is_well) was_not_well.insert(container.compose_service);
  }
  const auto end = clock_.now() + patience_of(parameters_);
  HealthWatch watch{std::chrono::milliseconds{parameters_.settle_ms}};
  leave_alone_what_had_ended(watch, ran);
  for (;;) {
    auto now = containers();
    std::erase_if(now, [&](const auto& container) {
      return !up.contains(container.label("com.docker.compose.service"));
    });
    std::string problem;
    for (const auto& service : up) {
      std::size_t running = 0;
      for (const auto& container : now) {
        if (container.label("com.docker.compose.service") != service) continue;
        if (container.state == "running" || container.state == "restarting") ++running;
        if (images[service].contains(container.image_id) || had_ended(ran, container)) continue;
        problem = fmt::format("{} is not of the image it had before", container.name);
      }
      if (running < counts[service] && !was_not_well.contains(service)) {
        problem = fmt::format("{} does not run", service);
      }
    }
    std::erase_if(now, [&](const auto& container) {
      return was_not_well.contains(container.label("com.docker.compose.service"));
    });
    const auto verdict = watch.look(now, clock_.now_us(), clock_.now());
    if (verdict.kind != Kind::well && problem.empty()) problem = verdict.text;
    // What needs another one that is not up yet may end and be started again meanwhile.
    if (verdict.kind == Kind::exited) {
      watch = HealthWatch{std::chrono::milliseconds{parameters_.settle_ms}};
      leave_alone_what_had_ended(watch, ran);
    }
    if (problem.empty()) return 0;
    if (clock_.now() >= end) {
      throw Error{Code::internal, "what ran before does not run as it did: " + problem};
    }
    clock_.pause(look_again);
  }
}

}  // namespace portoser::agent::deployments
