#include "agent/identity/identity.h"

#include "common/describe_json.h"
#include "common/error.h"
#include "common/file.h"

#include <fmt/format.h>
#include <sys/stat.h>

namespace portoser::agent::identity {
namespace {

constexpr std::size_t file_limit = 65536;

/// identity.json, member for member.
struct IdentityFile {
  std::string device_id;
  std::string name;
  std::string controller_endpoint;
  std::string controller_key;
  std::string controller_url;
};
BOOST_DESCRIBE_STRUCT(IdentityFile,
                      (),
                      (device_id, name, controller_endpoint, controller_key, controller_url))

std::filesystem::path key_path(const std::filesystem::path& folder) {
  return folder / "agent.key";
}
std::filesystem::path identity_path(const std::filesystem::path& folder) {
  return folder / "identity.json";
}

void refuse_open_mode(const std::filesystem::path& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0 || (info.st_mode & 077U) == 0) return;
  throw Error{
      Code::invalid,
      fmt::format("the secret key can be read by others (mode {:04o})", info.st_mode & 07777U),
      path.string()}
      .hint(fmt::format("chmod 600 {}; if others may have read it, delete it and join again",
                        path.string()));
}

std::optional<protocol::KeyPair> find_keys(const std::filesystem::path& folder) {
  const auto path = key_path(folder);
  std::string secret;
  try {
    secret = read_file(path, file_limit);
  } catch (const Error& error) {
    if (error.code() == Code::not_found) return std::nullopt;
    throw;
  }
  refuse_open_mode(path);
  while (!secret.empty() && (secret.back() == '\n' || secret.back() == '\r')) {
    secret.pop_back();
  }
  if (!protocol::is_key(secret)) {
    throw Error{Code::invalid, "this file holds no secret key", path.string()}.hint(
        fmt::format("delete {} and join again with a new token", path.string()));
  }
  return protocol::KeyPair{protocol::public_key_of(secret), secret};
}

IdentityFile parse_identity(const std::string& text, const std::filesystem::path& path) {
  const auto json = Json::parse(text, nullptr, false);
  IdentityFile file;
  try {
    if (!json.is_object()) throw Error{Code::invalid, "this is not a JSON object"};
    from_json(json, file, "identity");
    if (file.device_id.empty() || file.controller_endpoint.empty() ||
        !protocol::is_key(file.controller_key)) {
      throw Error{Code::invalid, "device_id, controller_endpoint or controller_key is missing"};
    }
  } catch (const Error& error) {
    throw Error{Code::invalid, error.message(), path.string()}.hint(
        fmt::format("delete {} and join again: portoser-agent join TOKEN", path.string()));
  }
  return file;
}

}  // namespace

protocol::KeyPair make_or_find_keys(const std::filesystem::path& folder) {
  if (auto found = find_keys(folder)) return *found;
  make_folder(folder, 0700);
  auto keys = protocol::make_key_pair();
  write_file_atomic(key_path(folder), keys.secret_key + "\n", 0600);
  return keys;
}

std::optional<Identity> load_identity(const std::filesystem::path& folder) {
  const auto path = identity_path(folder);
  std::string text;
  try {
    text = read_file(path, file_limit);
  } catch (const Error& error) {
    if (error.code() == Code::not_found) return std::nullopt;
    throw;
  }
  const auto file = parse_identity(text, path);
  const auto keys = find_keys(folder);
  if (!keys) {
    throw Error{Code::invalid, "the secret key of this identity is gone", key_path(folder).string()}
        .hint("join again with a new token: portoser-agent join TOKEN");
  }
  return Identity{*keys,
                  file.device_id,
                  file.name,
                  file.controller_endpoint,
                  file.controller_key,
                  file.controller_url};
}

void save_identity(const std::filesystem::path& folder, const Identity& identity) {
  const IdentityFile file{identity.device_id,
                          identity.name,
                          identity.controller_endpoint,
                          identity.controller_key,
                          identity.controller_url};
  write_file_atomic(identity_path(folder), to_json(file).dump(2) + "\n", 0644);
}

}  // namespace portoser::agent::identity
