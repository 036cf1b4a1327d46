// The body of every message: the first byte chooses the type, the rest is the body. It is refused
// with a path below the type, or it is written and read back the same.
#include "common/error.h"
#include "tests/fuzz/codec_property.h"

#include <boost/mp11.hpp>

#include <string>

namespace {

using namespace portoser;
using test::must;

using MessageList = protocol::Messages<boost::mp11::mp_list>;

/// The envelope around a body: version 1, this type, id 7.
std::string frame_of(std::string_view type, std::string_view body) {
  std::string frame{"\x94\x01"};
  frame += static_cast<char>(0xa0U | type.size());  // fixstr; every type is shorter than 32
  frame += type;
  frame += '\x07';
  frame += body;
  return frame;
}

template <class Message>
void read(std::string_view body) {
  static_assert(Message::type.size() < 32);
  try {
    const auto envelope = protocol::decode(frame_of(Message::type, body));
    must(envelope.id == 7);
    const auto* known = std::get_if<protocol::AnyMessage>(&envelope.body);
    must(known != nullptr && std::holds_alternative<Message>(*known));
    test::must_come_back(std::get<Message>(*known), envelope.id);
  } catch (const Error& error) {
    must(error.code() == Code::bad_request);
    must(error.where().empty() || error.where().starts_with(Message::type));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  constexpr auto count = boost::mp11::mp_size<MessageList>::value;
  boost::mp11::mp_with_index<count>(data[0] % count, [&](auto index) {
    read<boost::mp11::mp_at<MessageList, decltype(index)>>(test::text_of(data + 1, size - 1));
  });
  return 0;
}
