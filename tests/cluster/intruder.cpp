#include "tests/cluster/intruder.h"

#include "agent/identity/identity.h"
#include "tests/support/programs.h"

#include <random>
#include <stdexcept>

namespace portoser::test {
namespace {

constexpr int keyless = 20;    ///< connections with a key of nobody
constexpr int nonsense = 500;  ///< messages of the one that joined

std::string noise(std::mt19937_64& random, bool gets_deeper) {
  std::string bytes(1 + random() % 300, '\0');
  for (auto& byte : bytes) byte = static_cast<char>(random());
  // An array of four and then noise gets deeper into the decoder.
  if (gets_deeper)
    bytes.insert(0,
                 "\x94\x01\xa5"
                 "event\x01\x8f");
  return bytes;
}

}  // namespace

Intruder::Intruder(const Cluster& cluster) {
  const auto data = cluster.folder() / name;
  must_run({agent_program().string(),
            "join",
            cluster.controller().create_token(),
            "--name",
            name,
            "--data",
            data.string()});
  const auto identity = agent::identity::load_identity(data);
  if (!identity) throw std::runtime_error{"the intruder has not joined"};
  who_ = {name, identity->keys, identity->controller_key, identity->controller_endpoint};
}

void Intruder::flood(std::uint64_t seed) {
  std::mt19937_64 random{seed};
  peers_.clear();
  for (int i = 0; i < keyless; ++i) {
    auto nobody = who_;
    nobody.keys = protocol::make_key_pair();
    peers_.emplace_back(nobody).send(make_hello());
  }
  auto& joined = peers_.emplace_back(who_);
  for (int i = 0; i < nonsense; ++i) joined.send_raw(noise(random, i % 2 == 0));
}

}  // namespace portoser::test
