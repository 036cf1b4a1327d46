#include "agent/inspection/compose_inspection.h"

#include "agent/deployments/kept_deployments.h"
#include "agent/engine/compose_labels.h"
#include "agent/inspection/environment_keys.h"
#include "agent/inspection/question_files.h"
#include "common/crypto.h"
#include "common/file.h"
#include "common/ids.h"

#include <algorithm>
#include <utility>

namespace portoser::agent::inspection {
namespace {

/// Of what nobody writes by hand; it is read for its revision and not shown.
constexpr std::size_t longest_file = std::size_t{4} << 20U;

}  // namespace

asio::awaitable<protocol::ComposeInspection> inspect_compose(protocol::InspectCompose asked,
                                                             engine::Client& engine,
                                                             const std::filesystem::path& data) {
  const auto& target = asked.target;
  const auto identity =
      engine::identify_compose(target.files, target.project, target.compose_service);
  protocol::ComposeInspection out;
  out.file = identity.file;
  if (!identity.file.empty()) {
    auto text = read_file(identity.file, longest_file);
    out.size_bytes = static_cast<std::int64_t>(text.size());
    out.revision = to_hex(sha256(text));
    out.environment = environment_keys(
        identity.file, text, target.compose_service, read_file(data / fingerprint_key_file));
    if (text.size() <= protocol::compose_text_limit) out.text = std::move(text);
  }
  const deployments::KeptDeployments kept{data};
  for (const auto& one : kept.list(target.service)) out.kept.push_back(one.id);
  try {
    const auto containers = co_await engine.containers();
    for (const auto& container : containers) {
      if (!engine::belongs_to(container, identity)) continue;
      protocol::ImageInUse image;
      image.compose_service = container.label("com.docker.compose.service");
      image.container = container.name;
      image.reference = container.image;
      image.image_id = container.image_id;
      out.images.push_back(std::move(image));
    }
  } catch (const Error& error) {
    out.images.clear();
    out.images_problem = error.message();
  }
  std::sort(out.images.begin(), out.images.end(), [](const auto& one, const auto& other) {
    return std::tie(one.compose_service, one.container) <
           std::tie(other.compose_service, other.container);
  });
  co_return out;
}

}  // namespace portoser::agent::inspection
