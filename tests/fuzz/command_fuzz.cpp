// The arguments of every command, of every question and its answer: the first byte chooses the
// command, the rest is what travels in Command::arguments. They are refused, or written and read
// back the same.
#include "common/error.h"
#include "protocol/questions.h"
#include "tests/fuzz/codec_property.h"

#include <boost/mp11.hpp>

#include <string>

namespace {

using namespace portoser;
using test::must;

/// Questions are behind the commands, so that what the corpus holds keeps its meaning as long as no
/// command comes in between.
using CommandList = boost::mp11::mp_append<protocol::Commands<boost::mp11::mp_list>,
                                           protocol::Questions<boost::mp11::mp_list>,
                                           boost::mp11::mp_list<protocol::ComposeInspection,
                                                                protocol::PreflightReport,
                                                                protocol::NeedsReport,
                                                                protocol::MoveInventory>>;

template <class Arguments>
void read(std::string_view bytes) {
  try {
    const auto arguments = protocol::decode_arguments<Arguments>(Bytes{std::string{bytes}});
    const auto written = protocol::encode_arguments(arguments);
    if (written.data.size() > protocol::message_limit) return;
    must(test::same(protocol::decode_arguments<Arguments>(written), arguments));
  } catch (const Error& error) {
    must(error.code() == Code::bad_request);
    must(error.where().empty() || error.where().starts_with(Arguments::name));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  constexpr auto count = boost::mp11::mp_size<CommandList>::value;
  boost::mp11::mp_with_index<count>(data[0] % count, [&](auto index) {
    read<boost::mp11::mp_at<CommandList, decltype(index)>>(test::text_of(data + 1, size - 1));
  });
  return 0;
}
