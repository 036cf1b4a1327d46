// What a stranger sends to the joining listener: the body of a registration and the join token that
// may be in it. Each is read, or is an Error that names the place; a token that was taken is
// written and read back the same.
#include "common/describe_json.h"
#include "common/ids.h"
#include "controller/fleet/joining.h"
#include "controller/http/router.h"
#include "protocol/join.h"
#include "tests/fuzz/must.h"

namespace {

using namespace portoser;
using test::must;

void read_token(std::string_view text) {
  try {
    const auto token = protocol::decode_join_token(text);
    must(!token.id.empty() && !token.secret.empty());
    must(protocol::decode_join_token(protocol::encode_join_token(token)) == token);
  } catch (const Error& error) {
    must(error.code() == Code::invalid && !error.where().empty());
  }
}

void read_body(const std::string& text) {
  try {
    fleet::RegistrationRequest request;
    from_json(http::parse_object_body(text), request, "body");
    read_token(request.registration_token);
    if (request.facts) dump(to_json(*request.facts));
  } catch (const Error& error) {
    must(error.code() == Code::bad_request || error.code() == Code::invalid);
    must(error.where().starts_with("body"));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = test::text_of(data, size);
  read_token(text);
  read_body(std::string{text});
  // The JSON inside a token, so that nobody has to guess base64.
  read_token("portoser1." + to_base64url(text));
  return 0;
}
