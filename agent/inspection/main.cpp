// portoser-inspect: answers one question of the controller about this host. The agent starts it
// with the question's folder, the engine's socket and its own data folder; the answer goes into the
// question's folder. It changes nothing but that.
#include "agent/actions/compose_arguments.h"
#include "agent/inspection/answering.h"
#include "agent/inspection/question_files.h"
#include "common/file.h"
#include "protocol/codec.h"

#include <boost/asio/io_context.hpp>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>

namespace {

using namespace portoser;

/// Compose is to speak with the same engine as the agent.
void set_environment(const std::string& engine_socket) {
  for (const auto& name : agent::actions::compose_unset()) ::unsetenv(name.c_str());
  for (const auto& [name, value] : agent::actions::compose_environment(engine_socket)) {
    ::setenv(name.c_str(), value.c_str(), 1);
  }
}

protocol::Answer answer(agent::inspection::Place place) {
  using namespace agent::inspection;
  const auto envelope =
      protocol::decode(read_file(place.folder / question_file, protocol::message_limit));
  const auto question = std::get<protocol::Question>(std::get<protocol::AnyMessage>(envelope.body));
  asio::io_context context{1};
  protocol::Answer answer;
  asio::co_spawn(context,
                 answer_to(question, std::move(place)),
                 [&answer](const std::exception_ptr& failure, protocol::Answer given) {
                   if (failure) std::rethrow_exception(failure);
                   answer = std::move(given);
                 });
  context.run();
  return answer;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("usage: portoser-inspect FOLDER ENGINE_SOCKET DATA (the agent calls it)\n", stderr);
    return 64;
  }
  try {
    const std::filesystem::path folder{argv[1]};
    set_environment(argv[2]);
    const auto bytes = protocol::encode(answer({folder, argv[2], argv[3]}));
    write_file_atomic(folder / agent::inspection::answer_file, bytes, 0600);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "portoser-inspect: %s\n", error.what());
    return 1;
  }
  return 0;
}
