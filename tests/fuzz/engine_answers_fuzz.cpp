// Any bytes from the engine are an answer that keeps the promises of answers.h and container.h, or
// Error{unavailable, ENGINE_ERROR}: versions, lists, inspected containers, events, errors.
#include "agent/engine/answers.h"
#include "agent/engine/compose_labels.h"
#include "common/error.h"
#include "tests/fuzz/must.h"

#include <algorithm>

namespace {

using namespace portoser;
using namespace portoser::agent;
using test::must;

bool is_signal(std::int64_t number) {
  return number > 0 && number <= 64;
}

void check(const engine::Container& container) {
  must(!container.id.empty() && !container.restart_policy.empty());
  must(container.restart_limit >= 0 && container.started_us >= 0 && container.finished_us >= 0);
  must(is_signal(container.stop_signal));
  // Its labels are the engine's word too; they decide what belongs to a compose file.
  engine::ComposeIdentity identity;
  identity.paths = {"/srv/notes/compose.yml"};
  engine::belongs_to(container, identity);
}

/// `read` throws nothing but the one Error.
template <class Read>
void attempt(const Read& read) {
  try {
    read();
  } catch (const Error& error) {
    must(error.code() == Code::unavailable && error.reason() == "ENGINE_ERROR");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = test::text_of(data, size);
  attempt([&] {
    const auto version = engine::engine_info_from(text).api_version;
    must(!version.empty() && version.find_first_not_of("0123456789.") == std::string::npos);
  });
  attempt([&] {
    const auto ids = engine::container_ids_from(text);
    must(std::none_of(ids.begin(), ids.end(), [](const auto& id) { return id.empty(); }));
  });
  attempt([&] { check(engine::container_from(text)); });
  attempt([&] { must(!engine::image_from(text).id.empty()); });
  attempt([&] { engine::health_output_from(text); });
  if (const auto event = engine::event_from(text)) {
    must(!event->id.empty() && !event->action.empty());
    must(!event->signal || is_signal(*event->signal));
  }
  const auto message = engine::error_message_from(text);
  must(message.empty() || message.back() != '\n');
  must(is_signal(engine::signal_number(text)));
  return 0;
}
