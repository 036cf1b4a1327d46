/// Images for tests, made on the spot from Debian's static busybox: nothing is pulled.
#pragma once

#include "tests/support/engine.h"

namespace portoser::test {

/// A shell and the usual tools, in /bin.
inline constexpr auto busybox_image = "portoser-test/busybox";
/// A web server on port 8080 (`PORT` in its environment): `/` answers `GREETING` and the
/// container's name, `/health` says ok and is what its HEALTHCHECK asks every second. It ends at
/// once with SIGTERM; `rm /www/health` in the container makes it unhealthy.
inline constexpr auto httpd_image = "portoser-test/httpd";

/// Puts both into the engine that docker finds by `docker`; about a second. Done already: does
/// nothing.
void load_images(const Environment& docker);
inline void load_images(const PrivateEngine& engine) {
  load_images(engine.environment());
}

/// The busybox image, and its description says that it is for another machine (s390x).
inline constexpr auto foreign_image = "portoser-test/foreign";
/// Puts it into the engine, which has the others.
void load_foreign_image(const PrivateEngine& engine);

}  // namespace portoser::test
