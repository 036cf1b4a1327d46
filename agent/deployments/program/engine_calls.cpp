#include "agent/deployments/program/engine_calls.h"

#include <exception>
#include <type_traits>
#include <utility>

namespace portoser::agent::deployments {

RealEngine::RealEngine(const std::string& socket, std::chrono::seconds limit)
    : client_(context_.get_executor(), socket, limit) {}

template <class T>
T RealEngine::wait(asio::awaitable<T> call) {
  detail::Outcome<T> ended;
  auto guarded = detail::as_outcome<T>(std::move(call));
  context_.restart();
  asio::co_spawn(context_,
                 std::move(guarded),
                 [&ended](const std::exception_ptr&, detail::Outcome<T> outcome) {
                   ended = std::move(outcome);
                 });
  context_.run();
  if (ended.failure) std::rethrow_exception(ended.failure);
  if constexpr (!std::is_void_v<T>) return std::move(*ended.value);
}

void RealEngine::ping() {
  wait(client_.ping());
}

std::vector<engine::Container> RealEngine::containers() {
  return wait(client_.containers());
}

std::string RealEngine::health_output(const std::string& id) {
  return wait(client_.health_output(id));
}

void RealEngine::stop_container(const std::string& id, std::optional<std::chrono::seconds> grace) {
  wait(client_.stop_container(id, grace));
}

void RealEngine::start_container(const std::string& id) {
  wait(client_.start_container(id));
}

void RealEngine::rename_container(const std::string& id, const std::string& name) {
  wait(client_.rename_container(id, name));
}

void RealEngine::remove_container(const std::string& id) {
  wait(client_.remove_container(id));
}

void RealEngine::set_restart_policy(const std::string& id, const std::string& policy) {
  wait(client_.set_restart_policy(id, policy));
}

std::optional<std::string> RealEngine::image_id(const std::string& reference) {
  const auto image = wait(client_.find_image(reference));
  return image ? std::optional{image->id} : std::nullopt;
}

void RealEngine::tag_image(const std::string& image,
                           const std::string& repository,
                           const std::string& tag) {
  wait(client_.tag_image(image, repository, tag));
}

void RealEngine::untag_image(const std::string& reference) {
  wait(client_.untag_image(reference));
}

}  // namespace portoser::agent::deployments
