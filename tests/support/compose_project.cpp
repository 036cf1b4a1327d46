#include "tests/support/compose_project.h"

#include "common/file.h"

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include <utility>

namespace portoser::test {

std::string compose_text(const std::vector<ComposeService>& services) {
  std::string text = "version: \"3.7\"\nservices:\n";
  for (const auto& service : services) {
    text += fmt::format("  {}:\n", service.name);
    if (!service.image.empty()) text += fmt::format("    image: {}\n", service.image);
    if (!service.build.empty()) text += fmt::format("    build: {}\n", service.build);
    if (service.port != 0)
      text += fmt::format("    ports: [\"127.0.0.1:{}:8080\"]\n", service.port);
    // A list in JSON is a list in YAML, quotes and all.
    if (!service.command.empty()) {
      text += "    command: " + nlohmann::json(service.command).dump() + "\n";
    }
    if (!service.environment.empty()) {
      text += "    environment: " + nlohmann::json(service.environment).dump() + "\n";
    }
    if (!service.restart.empty()) text += fmt::format("    restart: \"{}\"\n", service.restart);
  }
  return text;
}

ComposeProject::ComposeProject(std::filesystem::path folder,
                               const std::vector<ComposeService>& services)
    : folder_(std::move(folder)) {
  make_folder(folder_);
  write(compose_text(services));
}

void ComposeProject::write(const std::string& text) const {
  write_file_atomic(file(), text);
}

void ComposeProject::write_file(const std::string& name, const std::string& text) const {
  const auto path = folder_ / name;
  make_folder(path.parent_path());
  write_file_atomic(path, text);
}

}  // namespace portoser::test
