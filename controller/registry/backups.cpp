#include "controller/registry/backups.h"

#include "common/describe_json.h"
#include "common/file.h"
#include "controller/registry/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>

namespace portoser::registry {
namespace {

constexpr const char* text_ending = ".yml";
constexpr const char* record_ending = ".json";

bool is_backup_id(const std::string& text) {
  return text.size() == 8 && text.find_first_not_of("0123456789") == std::string::npos;
}

}  // namespace

Backup Backups::add(Time at,
                    const std::string& who,
                    const std::string& what,
                    const std::string& text) {
  make_folder(folder_, 0700);
  remove_leftovers();
  const auto existing = ids();
  const auto number = existing.empty() ? 1 : std::stoul(existing.back()) + 1;
  Backup backup{fmt::format("{:08}", number), at, who, what, revision_of(text), text.size()};
  write_file_atomic(path_of(backup.id, text_ending), text, 0600);
  write_file_atomic(path_of(backup.id, record_ending), dump(to_json(backup)), 0600);
  remove_old();
  return backup;
}

void Backups::withdraw(const Backup& backup) {
  std::error_code ignored;
  std::filesystem::remove(path_of(backup.id, record_ending), ignored);
  std::filesystem::remove(path_of(backup.id, text_ending), ignored);
}

std::vector<std::string> Backups::ids() const {
  std::vector<std::string> found;
  std::error_code failure;
  for (const auto& entry : std::filesystem::directory_iterator{folder_, failure}) {
    const auto& path = entry.path();
    if (path.extension() == text_ending && is_backup_id(path.stem().string())) {
      found.push_back(path.stem().string());
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

/// Of a controller that was killed while it wrote one.
void Backups::remove_leftovers() const {
  std::error_code failure;
  for (const auto& entry : std::filesystem::directory_iterator{folder_, failure}) {
    const auto name = entry.path().filename().string();
    if (name.find(".new-") == std::string::npos) continue;
    std::error_code ignored;
    std::filesystem::remove(entry.path(), ignored);
  }
}

void Backups::remove_old() const {
  const auto all = ids();
  for (std::size_t i = 0; i + kept < all.size(); ++i) {
    std::error_code ignored;
    std::filesystem::remove(path_of(all[i], record_ending), ignored);
    std::filesystem::remove(path_of(all[i], text_ending), ignored);
  }
}

std::vector<Backup> Backups::list() const {
  std::vector<Backup> all;
  for (const auto& id : ids()) {
    Backup backup;
    backup.id = id;
    try {
      const auto record = Json::parse(read_file(path_of(id, record_ending)), nullptr, false);
      if (record.is_object()) from_json(record, backup, "backup");
    } catch (const Error&) {
      // Without its record it is a text all the same.
      backup.what = "unknown";
    }
    all.push_back(std::move(backup));
  }
  std::reverse(all.begin(), all.end());
  return all;
}

std::string Backups::text_of(const std::string& id) const {
  try {
    if (is_backup_id(id)) return read_file(path_of(id, text_ending), max_registry_bytes);
  } catch (const Error& error) {
    if (error.code() != Code::not_found) throw;
  }
  throw Error{Code::not_found, fmt::format("there is no backup \"{}\"", id), "path.id"}
      .reason("BACKUP_UNKNOWN")
      .hint("GET /api/registry/history lists them");
}

}  // namespace portoser::registry
