#include "tests/support/images.h"

#include "common/describe_json.h"
#include "common/error.h"
#include "common/file.h"
#include "tests/support/temp_folder.h"

#include <sstream>

namespace portoser::test {
namespace {

namespace fs = std::filesystem;

constexpr auto busybox = "/bin/busybox";

constexpr auto start_web = R"sh(#!/bin/sh
echo "${GREETING:-hello} from $(hostname)" > /www/index.html
echo ok > /www/health
httpd -f -p "${PORT:-8080}" -h /www &
trap "kill $!; exit 0" TERM INT
wait
)sh";

constexpr auto health_check = R"(HEALTHCHECK --interval=1s --timeout=3s --retries=2 )"
                              R"(CMD wget -q -O /dev/null "http://127.0.0.1:${PORT:-8080}/health")";

/// The images' root as a tar file; both have the same one.
fs::path make_root(const TempFolder& folder) {
  if (!fs::exists(busybox)) {
    throw Error{Code::unavailable,
                "/bin/busybox is not there: packaging/install-dependencies test installs it"};
  }
  const auto root = folder / "root";
  for (const auto* name : {"bin", "etc", "root", "tmp", "var", "www"}) make_folder(root / name);
  write_file_atomic(root / "etc/passwd", "root:x:0:0:root:/root:/bin/sh\n");
  write_file_atomic(root / "etc/group", "root:x:0:\n");
  write_file_atomic(root / "bin/start-web", start_web, 0755);
  std::istringstream applets{must_run({busybox, "--list"})};
  for (std::string applet; std::getline(applets, applet);) {
    if (applet != "busybox") fs::create_symlink("busybox", root / "bin" / applet);
  }
  fs::copy_file(busybox, root / "bin/busybox");
  auto archive = folder / "root.tar";
  must_run({"tar", "-C", root.string(), "-cf", archive.string(), "."});
  return archive;
}

}  // namespace

void load_images(const Environment& docker) {
  const CommandOptions options{.environment = docker};
  if (run_command({"docker", "image", "inspect", httpd_image}, options).exit_status == 0) return;
  const TempFolder folder{"image"};
  const auto archive = make_root(folder).string();
  must_run({"docker", "import", "--change", "CMD [\"sh\"]", archive, busybox_image}, options);
  must_run({"docker",
            "import",
            "--change",
            "CMD [\"start-web\"]",
            "--change",
            "EXPOSE 8080",
            "--change",
            health_check,
            archive,
            httpd_image},
           options);
}

// `docker import` has no word for it: Debian's engine takes every archive for one of its own
// machine.
void load_foreign_image(const PrivateEngine& engine) {
  const TempFolder folder{"foreign"};
  const auto name = std::string{foreign_image} + ":latest";
  engine.docker({"tag", busybox_image, name});
  const auto archive = (folder / "image.tar").string();
  const auto unpacked = (folder / "image").string();
  make_folder(unpacked);
  engine.docker({"save", "-o", archive, name});
  must_run({"tar", "-C", unpacked, "-xf", archive});
  for (const auto& file : fs::directory_iterator{unpacked}) {
    if (file.path().extension() != ".json" || file.path().filename() == "manifest.json") continue;
    auto description = Json::parse(read_file(file.path()));
    description["architecture"] = "s390x";
    write_file_atomic(file.path(), description.dump());
  }
  must_run({"tar", "-C", unpacked, "-cf", archive, "."});
  engine.docker({"load", "-q", "-i", archive});
}

}  // namespace portoser::test
