#include "controller/api/metrics.h"

#include "controller/api/kept_answer.h"
#include "controller/http/router.h"

namespace portoser::api {
http::Parameter view_parameter() {
  return {.name = "view",
          .description = "a row for each machine, or for each service",
          .allowed = {"machines", "services"}};
}

void MetricsApi::add_to(http::Router& router) {
  router.add<AllMetricsRows>({.path = "/api/metrics/all",
                              .summary = "Present values of every host and its services",
                              .query = {view_parameter()}},
                             *this,
                             &MetricsApi::all);
  router.add<MachineMetricsRow>({.path = "/api/metrics/machine/{machine}",
                                 .summary = "Present values of one host",
                                 .errors = {Code::not_found}},
                                *this,
                                &MetricsApi::machine);
}

http::Response MetricsApi::all(http::Call<void> call) {
  if (call.query("view") == "services") {
    const auto registry = registry_.snapshot()->registry;
    Json rows = Json::array();
    for (const auto& host : registry->hosts()) {
      for (const auto& row : machine_metrics(*registry, host.name, live_, clock_.now()).services) {
        rows.push_back(to_json(row));
      }
    }
    return kept_by_client(http::json_response(dump(rows)), live_numbers);
  }
  return kept_by_client(http::json_response(all_text()), live_numbers);
}

std::shared_ptr<const std::string> MetricsApi::all_text() {
  const auto version = live_.version();
  auto state = registry_.snapshot();
  const auto now = clock_.uptime();
  const auto is_current = [&](const std::shared_ptr<const Made>& made) {
    return made && made->registry == state && made->version == version && now - made->at < kept_for;
  };
  const auto find = [&] {
    auto made = made_.load();
    if (is_current(made)) hits_.fetch_add(1, std::memory_order_relaxed);
    return is_current(made) ? made->text : nullptr;
  };
  if (auto text = find()) return text;
  const std::lock_guard lock{making_};
  if (auto text = find()) return text;
  misses_.fetch_add(1, std::memory_order_relaxed);
  Json rows = Json::array();
  for (const auto& host : state->registry->hosts()) {
    rows.push_back(to_json(machine_metrics(*state->registry, host.name, live_, clock_.now())));
  }
  auto text = std::make_shared<const std::string>(dump(rows));
  made_.store(std::make_shared<const Made>(Made{std::move(state), version, now, text}));
  return text;
}

MetricsApi::Kept MetricsApi::kept() const {
  Kept kept;
  kept.hits = hits_.load(std::memory_order_relaxed);
  kept.misses = misses_.load(std::memory_order_relaxed);
  if (const auto made = made_.load()) {
    const auto age = clock_.uptime() - made->at;
    kept.is_there = true;
    kept.bytes = made->text->size();
    kept.is_old = age >= kept_for || made->version != live_.version();
    kept.age_seconds = std::chrono::duration<double>(age).count();
  }
  return kept;
}

bool MetricsApi::forget() {
  return made_.exchange(nullptr) != nullptr;
}

http::Response MetricsApi::machine(http::Call<void> call) {
  const auto registry = registry_.snapshot()->registry;
  const auto& host = registry->require_host(call.param("machine"), "path.machine");
  const auto row = machine_metrics(*registry, host.name, live_, clock_.now());
  return kept_by_client(http::json_response(dump(to_json(row))), live_numbers);
}

}  // namespace portoser::api
