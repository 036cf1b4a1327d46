#include "agent/inspection/answering.h"

#include "agent/engine/client.h"
#include "agent/inspection/compose_inspection.h"
#include "agent/inspection/file_needs.h"
#include "agent/inspection/move_inventory.h"
#include "agent/inspection/move_preflight.h"
#include "agent/inspection/native_preflight.h"
#include "agent/inspection/preflight.h"
#include "agent/systemd/client.h"
#include "protocol/codec.h"

#include <fmt/format.h>

#include <utility>

namespace portoser::agent::inspection {
namespace {

/// Actions know systemd by their own interface.
class Systemd : public actions::UnitControl {
 public:
  explicit Systemd(const asio::any_io_executor& executor) : client_(executor) {}

  asio::awaitable<systemd::Unit> unit(std::string name) override {
    return client_.unit(std::move(name));
  }
  asio::awaitable<std::string> systemd_version() override { return client_.version(); }

 private:
  systemd::Client client_;
};

MoveHost move_host(const Place& place) {
  MoveHost host;
  host.data = place.data;
  return host;
}

asio::awaitable<Bytes> content_of(const protocol::Question& question, const Place& place) {
  engine::Client engine{co_await asio::this_coro::executor, place.engine_socket};
  if (question.name == protocol::InspectCompose::name) {
    auto asked = protocol::decode_arguments<protocol::InspectCompose>(question.arguments);
    const auto inspection = co_await inspect_compose(std::move(asked), engine, place.data);
    co_return protocol::encode_arguments(inspection);
  }
  if (question.name == protocol::PreflightCompose::name) {
    auto asked = protocol::decode_arguments<protocol::PreflightCompose>(question.arguments);
    const auto report = co_await preflight_compose(std::move(asked), engine, place);
    co_return protocol::encode_arguments(report);
  }
  if (question.name == protocol::PreflightNative::name) {
    auto asked = protocol::decode_arguments<protocol::PreflightNative>(question.arguments);
    Systemd units{co_await asio::this_coro::executor};
    const auto report = co_await preflight_native(std::move(asked), units);
    co_return protocol::encode_arguments(report);
  }
  if (question.name == protocol::InspectNeeds::name) {
    co_return protocol::encode_arguments(
        needs_in_files(protocol::decode_arguments<protocol::InspectNeeds>(question.arguments)));
  }
  if (question.name == protocol::InspectMove::name) {
    auto asked = protocol::decode_arguments<protocol::InspectMove>(question.arguments);
    auto looking = inspect_move(std::move(asked), engine, move_host(place));
    const auto inventory = co_await std::move(looking);
    co_return protocol::encode_arguments(inventory);
  }
  if (question.name == protocol::PreflightMove::name) {
    auto asked = protocol::decode_arguments<protocol::PreflightMove>(question.arguments);
    auto looking = preflight_move(std::move(asked), engine, move_host(place));
    const auto report = co_await std::move(looking);
    co_return protocol::encode_arguments(report);
  }
  throw Error{Code::invalid,
              fmt::format("this agent does not know the question \"{}\"", question.name)}
      .reason("UNKNOWN_QUESTION")
      .hint("upgrade the agent");
}

}  // namespace

asio::awaitable<protocol::Answer> answer_to(protocol::Question question, Place place) {
  protocol::Answer answer;
  answer.question_id = question.id;
  try {
    answer.content = co_await content_of(question, place);
    answer.succeeded = true;
  } catch (const Error& error) {
    answer.code = to_string(error.code());
    answer.reason = error.reason();
    answer.message = error.message();
    answer.hint = error.hint();
  }
  co_return answer;
}

}  // namespace portoser::agent::inspection
