#include "agent/engine/client.h"

#include "agent/engine/answers.h"
#include "agent/engine/http.h"
#include "agent/engine/lines.h"
#include "common/error.h"
#include "common/log.h"

#include <boost/asio/error.hpp>
#include <boost/asio/multiple_exceptions.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <charconv>
#include <optional>

namespace portoser::agent::engine {
namespace {

/// {"type":["container"]}
constexpr std::string_view container_filter = "%7B%22type%22%3A%5B%22container%22%5D%7D";

/// As the engine reads `since` and `until`.
std::string moment(std::int64_t time_ns) {
  constexpr std::int64_t second_ns = 1'000'000'000;
  return fmt::format("{}.{:09}", time_ns / second_ns, time_ns % second_ns);
}

/// Nullopt, with a warning: it cannot be read.
std::optional<ContainerEvent> read_event(std::string_view line) {
  auto event = event_from(line);
  if (!event) log::warn("engine", "event cannot be read", {{"bytes", line.size()}});
  return event;
}

/// Ids and names become part of a path.
void check_id(const std::string& id) {
  constexpr std::string_view allowed =
      "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_.-";
  if (id.empty() || id.front() == '.' || id.find_first_not_of(allowed) != std::string::npos) {
    throw Error{Code::invalid, "\"" + id + "\" cannot be the id of a container", "id"};
  }
}

/// Names of images become part of a path; theirs may have slashes, colons and a digest.
void check_image(const std::string& reference) {
  constexpr std::string_view allowed =
      "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_.-/:@";
  if (reference.empty() || reference.front() == '.' || reference.front() == '/' ||
      reference.find("..") != std::string::npos ||
      reference.find_first_not_of(allowed) != std::string::npos) {
    throw Error{Code::invalid, "\"" + reference + "\" cannot be the name of an image", "image"};
  }
}

/// "on-failure:5", as people write it, is two members here.
std::string restart_policy_body(const std::string& policy) {
  nlohmann::json body;
  const auto colon = policy.find(':');
  body["RestartPolicy"]["Name"] = policy.substr(0, colon);
  if (colon != std::string::npos) {
    std::int64_t limit = 0;
    const auto* end = policy.data() + policy.size();
    const auto [stopped, failure] = std::from_chars(policy.data() + colon + 1, end, limit);
    if (failure != std::errc{} || stopped != end || limit < 0) {
      throw Error{Code::invalid, "\"" + policy + "\" is no restart policy", "policy"}.hint(
          "no, always, unless-stopped, on-failure or on-failure:N");
    }
    body["RestartPolicy"]["MaximumRetryCount"] = limit;
  }
  return body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Error error_of(unsigned status, std::string_view body) {
  const auto message = "the Docker engine says: " + error_message_from(body);
  switch (status) {
    case 400:
      return Error{Code::invalid, message};
    case 404:
      return Error{Code::not_found, message};
    case 409:
      return Error{Code::conflict, message};
    default:
      return Error{Code::unavailable, fmt::format("{} (status {})", message, status)}.reason(
          "ENGINE_ERROR");
  }
}

Error timeout_of(const std::string& target, std::chrono::milliseconds limit) {
  return Error{
      Code::deadline,
      fmt::format("the Docker engine gave no answer to {} within {} ms", target, limit.count())}
      .reason("ENGINE_TIMEOUT")
      .hint("it runs but does not answer: look at systemctl status docker and the engine's log");
}

/// Answers about one container say nothing about the engine as a whole.
bool concerns_one_container(const Error& error) {
  return error.code() == Code::not_found || error.code() == Code::conflict;
}

}  // namespace

/// Containers that are inspected side by side; lives in the frame of `containers`.
struct Client::Batch {
  std::vector<std::string> ids;
  std::size_t next = 0;
  std::vector<std::optional<Container>> found;  ///< in the order of `ids`; empty: it vanished
  std::exception_ptr failure;
};

Client::Client(asio::any_io_executor executor,
               std::string socket_path,
               std::chrono::milliseconds limit)
    : executor_(std::move(executor)), socket_path_(std::move(socket_path)), limit_(limit) {}

asio::awaitable<EngineInfo> Client::version() {
  HttpRequest request;
  request.method = "GET";
  request.target = "/version";
  const auto body = co_await ask(std::move(request));
  auto info = engine_info_from(body);
  api_version_ = info.api_version;
  co_return info;
}

asio::awaitable<void> Client::ping() {
  HttpRequest request;
  request.method = "GET";
  request.target = "/_ping";
  co_await ask(std::move(request));
}

asio::awaitable<std::vector<Container>> Client::containers() {
  using namespace asio::experimental::awaitable_operators;
  const auto body = co_await send("GET", "/containers/json?all=1");
  Batch batch;
  batch.ids = container_ids_from(body);
  batch.found.resize(batch.ids.size());
  auto first = inspect_some(batch);
  auto second = inspect_some(batch);
  auto third = inspect_some(batch);
  auto fourth = inspect_some(batch);
  try {
    co_await (std::move(first) && std::move(second) && std::move(third) && std::move(fourth));
  } catch (const asio::multiple_exceptions&) {
    // The workers keep their failures: only a cancellation before they began comes this way.
    throw boost::system::system_error{asio::error::operation_aborted};
  }
  if (batch.failure) std::rethrow_exception(batch.failure);
  std::vector<Container> containers;
  for (auto& container : batch.found) {
    if (container) containers.push_back(std::move(*container));
  }
  co_return containers;
}

/// `batch` belongs to `containers`, which waits for the end. Failures are kept, not thrown: `&&`
/// would wrap those of two workers into a type of its own.
asio::awaitable<void> Client::inspect_some(Batch& batch) {
  while (batch.next < batch.ids.size()) {
    const auto place = batch.next++;
    auto id = batch.ids[place];
    try {
      batch.found[place] = co_await inspect(std::move(id));
    } catch (const Error& error) {
      if (error.code() == Code::not_found) continue;
      batch.failure = std::current_exception();
      batch.next = batch.ids.size();
    } catch (...) {
      batch.failure = std::current_exception();
      batch.next = batch.ids.size();
    }
  }
}

asio::awaitable<Container> Client::inspect(std::string id) {
  const auto body = co_await inspect_text(std::move(id));
  co_return container_from(body);
}

asio::awaitable<std::string> Client::inspect_text(std::string id) {
  check_id(id);
  co_return co_await send("GET", "/containers/" + id + "/json");
}

asio::awaitable<std::string> Client::health_output(std::string id) {
  const auto body = co_await inspect_text(std::move(id));
  co_return health_output_from(body);
}

asio::awaitable<void> Client::stop_container(std::string id,
                                             std::optional<std::chrono::seconds> grace) {
  check_id(id);
  auto path = "/containers/" + id + "/stop";
  if (grace) path += "?t=" + std::to_string(grace->count());
  co_await send("POST", std::move(path));
}

asio::awaitable<void> Client::start_container(std::string id) {
  check_id(id);
  co_await send("POST", "/containers/" + id + "/start");
}

asio::awaitable<void> Client::rename_container(std::string id, std::string name) {
  check_id(id);
  check_id(name);
  co_await send("POST", "/containers/" + id + "/rename?name=" + name);
}

asio::awaitable<void> Client::remove_container(std::string id) {
  check_id(id);
  try {
    co_await send("POST", "/containers/" + id + "/stop");
  } catch (const Error& error) {
    if (error.code() == Code::not_found) co_return;
    // It may be stopped already; what is worse, the removal says too.
  }
  try {
    co_await send("DELETE", "/containers/" + id + "?force=1");
  } catch (const Error& error) {
    if (error.code() != Code::not_found) throw;
  }
}

asio::awaitable<void> Client::tag_image(std::string image, std::string name, std::string tag) {
  check_image(image);
  check_image(name);
  check_image(tag);
  co_await send("POST", fmt::format("/images/{}/tag?repo={}&tag={}", image, name, tag));
}

asio::awaitable<void> Client::untag_image(std::string reference) {
  check_image(reference);
  try {
    co_await send("DELETE", "/images/" + reference);
  } catch (const Error& error) {
    if (error.code() != Code::not_found) throw;
  }
}

asio::awaitable<void> Client::set_restart_policy(std::string id, std::string policy) {
  check_id(id);
  auto body = restart_policy_body(policy);
  co_await send("POST", "/containers/" + id + "/update", std::move(body));
}

asio::awaitable<std::optional<Image>> Client::find_image(std::string reference) {
  check_image(reference);
  try {
    const auto body = co_await send("GET", "/images/" + reference + "/json");
    co_return image_from(body);
  } catch (const Error& error) {
    if (error.code() != Code::not_found) throw;
  }
  co_return std::nullopt;
}

asio::awaitable<std::vector<Platform>> Client::platforms(std::string reference) {
  check_image(reference);
  const auto body = co_await send("GET", "/distribution/" + reference + "/json");
  co_return platforms_from(body);
}

asio::awaitable<Machine> Client::machine() {
  const auto body = co_await send("GET", "/info");
  co_return machine_from(body);
}

asio::awaitable<std::vector<std::string>> Client::networks() {
  const auto body = co_await send("GET", "/networks");
  co_return names_from(body, "Networks");
}

asio::awaitable<std::vector<std::string>> Client::volumes() {
  const auto body = co_await send("GET", "/volumes");
  co_return names_from(body, "Volumes");
}

asio::awaitable<std::vector<Volume>> Client::described_volumes() {
  const auto body = co_await send("GET", "/volumes");
  co_return volumes_from(body);
}

asio::awaitable<std::vector<ContainerMounts>> Client::mounts() {
  const auto body = co_await send("GET", "/containers/json?all=1");
  co_return mounts_from(body);
}

asio::awaitable<std::vector<TakenPort>> Client::taken_ports() {
  const auto body = co_await send("GET", "/containers/json");
  co_return taken_ports_from(body);
}

asio::awaitable<std::vector<ContainerEvent>> Client::past_events(std::int64_t since_ns,
                                                                 std::int64_t until_ns,
                                                                 std::int64_t now_ns) {
  std::vector<ContainerEvent> events;
  if (since_ns >= until_ns) co_return events;
  const auto target = co_await versioned(fmt::format("/events?filters={}&since={}&until={}",
                                                     container_filter,
                                                     moment(since_ns),
                                                     moment(until_ns)));
  if (until_ns > now_ns) {
    constexpr std::chrono::seconds patience{1};
    auto collecting = collect_events(target, events);
    try {
      co_await with_deadline(std::move(collecting), patience, "the Docker engine's past");
    } catch (const Error& error) {
      if (error.code() != Code::deadline) throw;
    }
    co_return events;
  }
  HttpRequest request;
  request.method = "GET";
  request.target = target;
  const auto body = co_await ask(std::move(request));
  LineSplitter lines;
  lines.add(body, [&events](std::string_view line) {
    if (auto event = read_event(line)) events.push_back(std::move(*event));
  });
  co_return events;
}

/// Until cancelled, or until the engine has no more to tell. `events` belongs to the caller, who
/// waits for the end.
asio::awaitable<void> Client::collect_events(std::string target,
                                             std::vector<ContainerEvent>& events) {
  LineStream stream;
  stream.target = std::move(target);
  stream.header_limit = limit_;
  bool is_told = false;
  stream.connected = [&is_told] { is_told = true; };
  stream.on_line = [&events](std::string_view line) {
    if (auto event = read_event(line)) events.push_back(std::move(*event));
  };
  try {
    const auto reply = co_await stream_lines(executor_, socket_path_, std::move(stream));
    throw error_of(reply.status, reply.body);
  } catch (const Error& error) {
    // Its end is what `until` asked for.
    if (!is_told || error.code() != Code::unavailable) throw;
  }
}

asio::awaitable<void> Client::follow_events(std::int64_t since_ns,
                                            std::function<void()> connected,
                                            std::function<void(ContainerEvent)> on_event) {
  LineStream stream;
  stream.target = co_await versioned(fmt::format("/events?filters={}", container_filter));
  if (since_ns > 0) stream.target += "&since=" + moment(since_ns);
  stream.header_limit = limit_;
  stream.connected = std::move(connected);
  stream.on_line = [&on_event](std::string_view line) {
    if (auto event = read_event(line)) on_event(std::move(*event));
  };
  const auto target = stream.target;
  try {
    const auto reply = co_await stream_lines(executor_, socket_path_, std::move(stream));
    throw error_of(reply.status, reply.body);
  } catch (const Error& error) {
    api_version_.clear();
    if (error.code() == Code::deadline) throw timeout_of(target, limit_);
    throw;
  }
}

/// The path in the engine's own version of its API.
asio::awaitable<std::string> Client::versioned(std::string path) {
  if (api_version_.empty()) co_await version();
  co_return "/v" + api_version_ + path;
}

asio::awaitable<std::string> Client::send(std::string method, std::string path, std::string body) {
  HttpRequest request;
  request.method = std::move(method);
  request.target = co_await versioned(std::move(path));
  request.body = std::move(body);
  co_return co_await ask(std::move(request));
}

/// The body of a good answer.
asio::awaitable<std::string> Client::ask(HttpRequest request) {
  const auto target = request.target;
  try {
    auto exchanging = exchange(executor_, socket_path_, std::move(request));
    auto reply =
        co_await with_deadline(std::move(exchanging), limit_, "the Docker engine's answer");
    // 304: started or stopped already.
    const bool is_fine = (reply.status >= 200 && reply.status <= 299) || reply.status == 304;
    if (!is_fine) throw error_of(reply.status, reply.body);
    co_return std::move(reply.body);
  } catch (const Error& error) {
    // The engine may come back as another version.
    if (!concerns_one_container(error)) api_version_.clear();
    if (error.code() == Code::deadline) throw timeout_of(target, limit_);
    throw;
  }
}

}  // namespace portoser::agent::engine
