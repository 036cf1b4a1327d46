// What systemd says: a message is refused as a whole, or read within its own bytes; whatever its
// arguments claim to be, reading them ends. A message that was read says of itself how long it is.
#include "agent/systemd/unit.h"
#include "agent/systemd/wire.h"
#include "common/error.h"
#include "tests/fuzz/must.h"

#include <string>

namespace {

using namespace portoser;
using namespace portoser::agent::systemd;

void read_arguments(const Message& message) {
  BodyReader texts{message};
  BodyReader values{message};
  try {
    const auto interface = texts.text();
    test::must(interface.size() <= message.body.size());
    Unit unit;
    unit.apply(texts.properties());
    test::must(unit.invocation.size() <= 2 * message.body.size());
  } catch (const Error& error) {
    test::must(error.code() == Code::bad_request);
  }
  try {
    values.value();
  } catch (const Error& error) {
    test::must(error.code() == Code::bad_request);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = test::text_of(data, size);
  try {
    const auto message = decode(bytes);
    test::must(message_size(bytes) == size);
    test::must(message.body.size() <= size);
    read_arguments(message);
  } catch (const Error& error) {
    test::must(error.code() == Code::bad_request);
  }
  return 0;
}
