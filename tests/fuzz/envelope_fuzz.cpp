// Any bytes are an envelope or an Error of the codes that decode() names; a message that was taken
// is written and read back the same.
#include "common/error.h"
#include "tests/fuzz/codec_property.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace portoser;
  using test::must;
  try {
    const auto envelope = protocol::decode(test::text_of(data, size));
    if (const auto* known = std::get_if<protocol::AnyMessage>(&envelope.body)) {
      std::visit([&](const auto& message) { test::must_come_back(message, envelope.id); }, *known);
    }
  } catch (const Error& error) {
    must(error.code() == Code::bad_request || error.code() == Code::too_large);
  }
  return 0;
}
