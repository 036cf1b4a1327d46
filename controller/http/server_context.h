/// What the parts of one server share. Inside controller/http only.
#pragma once

#include "controller/http/peers.h"
#include "controller/http/pipeline.h"
#include "controller/http/refusals.h"
#include "controller/http/response_head.h"
#include "controller/http/server.h"
#include "controller/http/unwelcome.h"

#include <atomic>
#include <memory>

namespace portoser::http {

struct ServerContext {
  ServerContext(ServerSettings given,
                Authenticator& authenticator,
                AuditSink& audit,
                RequestObserver& observer,
                const Clock& the_clock)
      : settings(std::move(given)),
        pipeline(Origins{settings.allowed_origins}, authenticator, audit, observer, the_clock),
        head(settings.head, !settings.allowed_origins.empty()),
        sockets(settings.sockets.max_open, settings.sockets.max_open_per_user),
        clock(the_clock),
        refusals(observer, the_clock) {}

  ServerSettings settings;
  Pipeline pipeline;
  ResponseHead head;
  Peers peers;
  SocketCount sockets;
  Unwelcome unwelcome;
  const Clock& clock;
  Refusals refusals;
  std::atomic<bool> stopping{false};
};

/// One address with its router.
struct Listening {
  Listening(ListenerSettings its_settings, const Router& its_router)
      : settings(std::move(its_settings)), router(its_router) {}

  ListenerSettings settings;
  const Router& router;
  std::atomic<std::size_t> open{0};  ///< connections
};

}  // namespace portoser::http
