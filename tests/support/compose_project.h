/// The folder of a compose project, as a registry's service points to it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace portoser::test {

/// One entry below `services:`. The defaults make a web server that stays up.
struct ComposeService {
  std::string name{};
  std::string image = "portoser-test/httpd";  ///< empty: none, then `build` is there
  std::string build{};                        ///< folder with a Dockerfile, relative; empty: none
  std::uint16_t port = 0;  ///< on 127.0.0.1, published from the container's 8080; 0: none
  std::vector<std::string> command{};      ///< empty: the image's own
  std::vector<std::string> environment{};  ///< "NAME=value"
  std::string restart = "unless-stopped";  ///< empty: not written, which means `no`
};

/// The text of a compose file that docker-compose 1.29 and docker compose v2 both read.
std::string compose_text(const std::vector<ComposeService>& services);

class ComposeProject {
 public:
  /// Makes `folder`, whose name becomes the project's, and writes the file.
  ComposeProject(std::filesystem::path folder, const std::vector<ComposeService>& services);

  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }
  [[nodiscard]] std::filesystem::path file() const { return folder_ / "docker-compose.yml"; }
  /// Replaces the compose file, also by something that is none.
  void write(const std::string& text) const;
  /// Adds a file beside it, for example `Dockerfile`.
  void write_file(const std::string& name, const std::string& text) const;

 private:
  std::filesystem::path folder_;
};

}  // namespace portoser::test
