#include "tests/integration/portoser.h"

#include "common/file.h"
#include "tests/support/await.h"
#include "tests/support/programs.h"

namespace portoser::test {
namespace {

constexpr std::chrono::seconds patience{60};

ApiAnswer to_api(const HttpAnswer& answer) {
  auto body = Json::parse(answer.body, nullptr, false);
  return {answer.status,
          body.is_discarded() ? Json(nullptr) : std::move(body),
          answer.body,
          answer.headers};
}

}  // namespace

ControllerProcess::ControllerProcess(std::filesystem::path folder, std::string address)
    : folder_(std::move(folder)), address_(std::move(address)), port_(free_port(4)) {}

std::vector<std::string> ControllerProcess::options() const {
  const auto port = [&](int offset) { return std::to_string(port_ + offset); };
  return {"--http-port",
          port(0),
          "--wire-port",
          port(2),
          "--wire-address",
          address_,
          "--join-port",
          port(3),
          "--join-address",
          address_,
          "--data",
          data().string(),
          "--advertise-address",
          address_,
          "--registry-path",
          registry().string()};
}

void ControllerProcess::write_registry(const std::string& text) const {
  write_file_atomic(registry(), text);
}

void ControllerProcess::start() {
  ProcessRequest request;
  if (descriptor_limit_ > 0) {
    request.argv = {
        "sh", "-c", R"(ulimit -n "$0" && exec "$@")", std::to_string(descriptor_limit_)};
  }
  request.argv.push_back(controller_program().string());
  for (auto& option : options()) request.argv.push_back(std::move(option));
  request.environment = environment_;
  request.log_file = folder_ / "controller.log";
  process_.emplace(std::move(request));
  await_until(
      "the controller answers",
      patience,
      [&] {
        if (!process_->running()) throw Error{Code::internal, "it ended: " + log_tail()};
        try {
          return get("/ping").status == 200;
        } catch (const std::exception&) {
          return false;
        }
      },
      [&] { return log_tail(); });
}

void ControllerProcess::stop() {
  const auto status = process_->terminate(patience);
  if (status != 0) {
    throw Error{Code::internal,
                "the controller ended with " + std::to_string(status) + ": " + log_tail()};
  }
}

void ControllerProcess::kill() {
  process_->kill();
}

std::string ControllerProcess::create_token(std::vector<std::string> more) const {
  std::vector<std::string> argv{controller_program().string(), "token", "create"};
  for (auto& option : more) argv.push_back(std::move(option));
  for (auto& option : options()) argv.push_back(std::move(option));
  auto token = must_run(std::move(argv));
  while (!token.empty() && token.back() == '\n') token.pop_back();
  return token;
}

ApiAnswer ControllerProcess::get(const std::string& path) const {
  return to_api(HttpClient{port_}.get(path));
}

ApiAnswer ControllerProcess::post(const std::string& path,
                                  const std::string& body,
                                  const Headers& headers) const {
  auto all = headers;
  if (!body.empty()) all.emplace_back("Content-Type", "application/json");
  return to_api(HttpClient{port_}.post(path, body, all));
}

std::optional<double> ControllerProcess::metric(const std::string& name) const {
  const auto text = "\n" + get("/metrics").text;
  const auto at = text.find("\n" + name + " ");
  if (at == std::string::npos) return std::nullopt;
  return std::stod(text.substr(at + name.size() + 2));
}

Json ControllerProcess::row(const std::string& path,
                            const std::string& list,
                            const std::string& name) const {
  const auto answer = get(path);
  if (!answer.body.is_object()) return nullptr;
  for (const auto& row : answer.body.value(list, Json::array())) {
    if (row.value("name", "") == name) return row;
  }
  return nullptr;
}

std::vector<Json> ControllerProcess::events_of(const std::string& service,
                                               std::int64_t since) const {
  SocketClient uptime{port_, "/api/uptime/ws"};
  uptime.send(dump(Json{{"action", "subscribe"}, {"service", service}, {"since", since}}));
  uptime.send("ping");
  std::vector<Json> found;
  for (auto& frame : frames_until(uptime, [](const Json& one) { return one["type"] == "pong"; })) {
    if (frame["type"] == "uptime_event") found.push_back(std::move(frame));
  }
  return found;
}

std::vector<std::string> types_of(const std::vector<Json>& events) {
  std::vector<std::string> types;
  for (const auto& event : events) types.push_back(event["event_type"]);
  return types;
}

bool ControllerProcess::job_writes(const std::string& id) const {
  const auto job = get("/api/jobs/" + id).body;
  return job["step"] != "preflight" && !job["log"].empty();
}

void ControllerProcess::await_machine(const std::string& name, const std::string& status) const {
  await_until(
      "the host is " + status,
      std::chrono::seconds{120},
      [&] {
        const auto machine = row("/api/machines", "machines", name);
        return machine.is_object() && machine["status"] == status;
      },
      [&] { return get("/api/machines").text + "\n" + log_tail(); });
}

void ControllerProcess::await_service(const std::string& name, const std::string& status) const {
  await_until(
      "the service is " + status,
      patience,
      [&] {
        const auto service = row("/api/services", "services", name);
        return service.is_object() && service["status"] == status;
      },
      [&] { return get("/api/services").text + "\n" + log_tail(); });
}

AgentProcess::AgentProcess(std::filesystem::path folder,
                           std::string name,
                           std::filesystem::path socket)
    : folder_(std::move(folder)), name_(std::move(name)), socket_(std::move(socket)) {}

AgentProcess::AgentProcess(const Host& host)
    : folder_(host.disk()), name_(host.name()), socket_(Host::engine_socket), host_(&host) {}

CommandResult AgentProcess::try_join(const std::string& token) const {
  return run_command(
      {agent_program().string(), "join", token, "--name", name_, "--data", data().string()},
      {.within = host_ == nullptr ? 0 : host_->first_process()});
}

std::string AgentProcess::join(const std::string& token) const {
  auto result = try_join(token);
  if (result.exit_status != 0) throw Error{Code::internal, "join failed: " + result.output};
  return std::move(result.output);
}

void AgentProcess::start() {
  ProcessRequest request;
  request.argv = {
      agent_program().string(), "--data", data().string(), "--engine-socket", socket_.string()};
  request.environment = environment_;
  request.log_file = folder_ / (name_ + ".log");
  if (host_ != nullptr) request.within = host_->first_process();
  process_.emplace(std::move(request));
}

int AgentProcess::terminate() {
  return process_->terminate(patience);
}

void AgentProcess::stop() {
  const auto status = terminate();
  if (status != 0) {
    throw Error{Code::internal,
                "the agent ended with " + std::to_string(status) + ": " + log_tail()};
  }
}

void AgentProcess::await_noted(const std::string& container_id, const std::string& state) const {
  const auto file = data() / "services.json";
  await_until("the checkpoint says " + state, patience, [&] {
    if (!std::filesystem::exists(file)) return false;
    const auto noted = Json::parse(read_file(file), nullptr, false);
    if (!noted.is_object()) return false;
    for (const auto& one : noted["containers"]) {
      if (one["seen"]["id"] == container_id) return one["seen"]["state"] == state;
    }
    return false;
  });
}

void AgentProcess::kill() {
  process_->kill();
}

std::vector<Json> frames_until(SocketClient& socket,
                               const std::function<bool(const Json&)>& wanted) {
  std::vector<Json> frames;
  while (const auto text = socket.receive()) {
    frames.push_back(Json::parse(*text));
    if (wanted(frames.back())) return frames;
  }
  throw Error{Code::internal, "the socket ended first; it sent " + dump(Json(frames))};
}

}  // namespace portoser::test
