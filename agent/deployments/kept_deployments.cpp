#include "agent/deployments/kept_deployments.h"

#include "agent/deployments/names.h"
#include "common/describe_json.h"
#include "common/file.h"
#include "common/ids.h"
#include "common/log.h"

#include <algorithm>
#include <fcntl.h>
#include <unistd.h>
#include <utility>

namespace portoser::agent::deployments {
namespace {

namespace fs = std::filesystem;

constexpr auto facts_file = "deployment.json";
constexpr auto text_file = "compose.yml";
constexpr unsigned private_mode = 0600;

constexpr auto name_of(KeptDeployments::Mark mark) {
  return mark == KeptDeployments::Mark::displaced ? "displaced" : "imageless";
}

std::string env_name(std::size_t index) {
  return "env-" + std::to_string(index);
}

bool is_command_id(const std::string& text) {
  return is_ulid(text);
}

/// A name that was made or taken away there survives a power cut.
void flush_folder(const fs::path& folder) {
  const Descriptor directory{::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!directory.is_open() || ::fsync(directory.get()) != 0) {
    throw Error{Code::internal, system_error_text("cannot flush", folder), folder.string()};
  }
}

std::optional<KeptDeployment> read_facts(const fs::path& folder) {
  try {
    KeptDeployment kept;
    from_json(Json::parse(read_file(folder / facts_file)), kept, "deployment");
    return kept;
  } catch (const Error& error) {
    if (error.code() == Code::not_found) return std::nullopt;
    log::warn("deployments",
              "kept deployment cannot be read",
              {{"folder", folder.string()}, {"reason", error.what()}});
  } catch (const std::exception& error) {
    log::warn("deployments",
              "kept deployment cannot be read",
              {{"folder", folder.string()}, {"reason", error.what()}});
  }
  return std::nullopt;
}

}  // namespace

bool is_deployment_id(const std::string& text) {
  constexpr std::string_view form = "deploy-dddddddd-dddddd-xxxxxxxx";
  if (text.size() != form.size()) return false;
  for (std::size_t i = 0; i < form.size(); ++i) {
    const char letter = text[i];
    const bool is_digit = letter >= '0' && letter <= '9';
    if (i < 7 || form[i] == '-') {
      if (letter != form[i]) return false;
    } else if (!is_digit && !(form[i] == 'x' && letter >= 'a' && letter <= 'f')) {
      return false;
    }
  }
  return true;
}

KeptDeployments::KeptDeployments(fs::path data) : folder_(std::move(data) / "deployments") {}

fs::path KeptDeployments::folder_of(const std::string& service) const {
  return folder_ / folder_name(service);
}

fs::path KeptDeployments::folder_of(const KeptDeployment& kept) const {
  return folder_of(kept.service) / kept.id;
}

/// In the order of their numbers.
std::vector<KeptDeployment> KeptDeployments::read_all(const std::string& service,
                                                      bool (*is_wanted)(const std::string&)) const {
  std::vector<KeptDeployment> found;
  std::error_code failure;
  for (const auto& entry : fs::directory_iterator{folder_of(service), failure}) {
    const auto id = entry.path().filename().string();
    if (!is_wanted(id)) continue;
    auto kept = read_facts(entry.path());
    // A folder that somebody copied says another name.
    if (kept && kept->id == id && kept->service == service) found.push_back(std::move(*kept));
  }
  std::sort(found.begin(), found.end(), [](const auto& one, const auto& other) {
    return std::pair{one.number, one.id} < std::pair{other.number, other.id};
  });
  return found;
}

std::vector<KeptDeployment> KeptDeployments::list(const std::string& service) const {
  auto found = read_all(service, is_deployment_id);
  std::reverse(found.begin(), found.end());
  return found;
}

std::vector<KeptDeployment> KeptDeployments::list_before(const std::string& service) const {
  return read_all(service, is_command_id);
}

std::optional<KeptDeployment> KeptDeployments::find(const std::string& service,
                                                    const std::string& id) const {
  if (!is_deployment_id(id)) return std::nullopt;
  return read_facts(folder_of(service) / id);
}

std::optional<KeptDeployment> KeptDeployments::find_before(const std::string& service,
                                                           const std::string& command) const {
  if (!is_command_id(command)) return std::nullopt;
  return read_facts(folder_of(service) / command);
}

std::string KeptDeployments::text(const KeptDeployment& kept) const {
  return read_file(folder_of(kept) / text_file);
}

std::string KeptDeployments::env_file(const KeptDeployment& kept, std::size_t index) const {
  if (index >= kept.env_files.size() || !kept.env_files[index].is_there) return {};
  return read_file(folder_of(kept) / env_name(index));
}

void KeptDeployments::write(KeptDeployment kept,
                            const std::string& text,
                            const std::vector<std::string>& env_texts) const {
  const auto room = folder_of(kept.service);
  const auto target = room / kept.id;
  if (read_facts(target)) return;
  for (const auto& other : read_all(kept.service, [](const std::string&) { return true; })) {
    kept.number = std::max(kept.number, other.number + 1);
  }
  make_folder(folder_, 0700);
  make_folder(room, 0700);
  const auto unfinished = room / ("." + kept.id + ".new");
  fs::remove_all(unfinished);
  fs::remove_all(target);
  try {
    make_folder(unfinished, 0700);
    write_file_atomic(unfinished / text_file, text, private_mode);
    for (std::size_t i = 0; i < kept.env_files.size(); ++i) {
      if (!kept.env_files[i].is_there) continue;
      write_file_atomic(unfinished / env_name(i), env_texts.at(i), private_mode);
    }
    write_file_atomic(unfinished / facts_file, dump(to_json(kept)), private_mode);
    fs::rename(unfinished, target);
  } catch (...) {
    std::error_code ignored;
    fs::remove_all(unfinished, ignored);
    throw;
  }
  flush_folder(room);
  flush_folder(folder_);
}

std::optional<fs::path> KeptDeployments::copy_of(const KeptDeployment& kept,
                                                 const std::string& path,
                                                 const std::string& sha256) const {
  if (path == kept.file) {
    if (sha256 != kept.text_sha256) return std::nullopt;
    return folder_of(kept) / text_file;
  }
  for (std::size_t i = 0; i < kept.env_files.size(); ++i) {
    const auto& file = kept.env_files[i];
    if (file.is_there && file.path == path && file.sha256 == sha256) {
      return folder_of(kept) / env_name(i);
    }
  }
  return std::nullopt;
}

void KeptDeployments::mark(const KeptDeployment& kept, Mark mark) const {
  if (!is_marked(kept, mark)) write_file_atomic(folder_of(kept) / name_of(mark), "", private_mode);
}

bool KeptDeployments::is_marked(const KeptDeployment& kept, Mark mark) const {
  std::error_code failure;
  return fs::exists(folder_of(kept) / name_of(mark), failure);
}

void KeptDeployments::remove(const KeptDeployment& kept) const {
  // Not one that is half there: what is renamed is none of ours any more.
  const auto going = folder_of(kept.service) / ("." + kept.id + ".gone");
  std::error_code failure;
  fs::remove_all(going, failure);
  fs::rename(folder_of(kept), going, failure);
  fs::remove_all(going, failure);
}

}  // namespace portoser::agent::deployments
