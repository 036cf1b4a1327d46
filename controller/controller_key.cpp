#include "controller/controller_key.h"

#include "common/error.h"
#include "common/file.h"

#include <sys/stat.h>

namespace portoser {

protocol::KeyPair load_controller_key(const std::filesystem::path& data) {
  const auto path = data / "controller.key";
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    auto keys = protocol::make_key_pair();
    write_file_atomic(path, keys.secret_key + "\n", 0600);
    return keys;
  }
  if ((status.st_mode & 077) != 0) {
    throw Error{Code::invalid, "the controller's key can be read by others", path.string()}.hint(
        "chmod 600 " + path.string());
  }
  auto secret = read_file(path, 1024);
  while (!secret.empty() && secret.back() == '\n') secret.pop_back();
  auto public_key = protocol::public_key_of(secret);
  return {std::move(public_key), std::move(secret)};
}

}  // namespace portoser
