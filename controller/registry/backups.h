/// The texts of registry.yml that were replaced, the newest of them kept in the data folder.
/// Private files: a registry may hold secrets. Blocking; one thread at a time.
#pragma once

#include "common/clock.h"
#include "common/describe.h"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace portoser::registry {

/// One text that was in force until somebody replaced it.
struct Backup {
  std::string id;  ///< "00000017": they count up
  Time at{};       ///< when it was replaced
  std::string who;
  std::string what;      ///< "service notes changed: port"
  std::string revision;  ///< of this text
  std::uint64_t bytes = 0;
};
BOOST_DESCRIBE_STRUCT(Backup, (), (id, at, who, what, revision, bytes))

class Backups {
 public:
  static constexpr std::size_t kept = 50;

  explicit Backups(std::filesystem::path folder) : folder_(std::move(folder)) {}

  /// Before the text is replaced. The disk takes nothing: `Error`, and there is no new one.
  Backup add(Time at, const std::string& who, const std::string& what, const std::string& text);
  /// Takes the last one back: the text stayed in force.
  void withdraw(const Backup& backup);
  /// Newest first.
  [[nodiscard]] std::vector<Backup> list() const;
  /// `Error{not_found}`, BACKUP_UNKNOWN.
  [[nodiscard]] std::string text_of(const std::string& id) const;

 private:
  [[nodiscard]] std::filesystem::path path_of(const std::string& id, const char* ending) const {
    return folder_ / (id + ending);
  }
  [[nodiscard]] std::vector<std::string> ids() const;  ///< oldest first
  void remove_old() const;
  void remove_leftovers() const;

  std::filesystem::path folder_;
};

}  // namespace portoser::registry
