// portoser-routing: lets Caddy or dnsmasq on this host follow a move of a service. portoser-action
// runs it with the name of the step and the command's folder of the agent's journal.
//
// What it did it says in lines of their own (`routing_done` and the like in protocol/commands.h).
// What it cannot do it says in its last lines, as portoser-deployment does: "hint: ...", then the
// reason of docs/errors.md, a colon and the sentence.
#include "agent/routing/dnsmasq.h"
#include "agent/routing/follow_caddy.h"
#include "agent/routing/follow_hosts.h"
#include "agent/routing/parameters.h"
#include "common/describe_json.h"
#include "common/error.h"
#include "common/fetch.h"
#include "common/file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace portoser;
using namespace portoser::agent;

/// On one line, as the agent reads it.
std::string flat(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

std::vector<std::string> follow_in_caddy(const protocol::RoutingCaddy& command) {
  FetchSession session;
  routing::CaddyCalls calls;
  calls.ask = [&session](const FetchRequest& request) { return session.fetch(request); };
  calls.pause = [](std::chrono::milliseconds time) { std::this_thread::sleep_for(time); };
  auto lines = routing::follow_in_caddy(command, calls);
  for (auto& line : routing::look_at_config_file(command)) lines.push_back(std::move(line));
  return lines;
}

int run(const std::string& step, const std::filesystem::path& folder) {
  routing::Parameters parameters;
  from_json(Json::parse(read_file(folder / "parameters.json")), parameters, "parameters");
  std::vector<std::string> lines;
  if (step == routing::caddy_step) {
    lines = follow_in_caddy(parameters.caddy);
  } else if (step == routing::hosts_step) {
    lines = routing::follow_in_hosts(parameters, &routing::reload_dnsmasq);
  } else {
    throw Error{Code::invalid, "there is no step \"" + step + "\""};
  }
  for (const auto& line : lines) fmt::print("{}\n", flat(line));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: portoser-routing STEP FOLDER (of a command in the journal)\n", stderr);
    return 64;
  }
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  try {
    return run(argv[1], argv[2]);
  } catch (const Error& error) {
    if (!error.hint().empty()) fmt::print("hint: {}\n", flat(error.hint()));
    fmt::print("{}: {}\n", error.reason(), flat(error.message()));
  } catch (const std::exception& error) {
    fmt::print("INTERNAL: {}\n", flat(error.what()));
  }
  return 1;
}
