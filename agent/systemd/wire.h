/// Messages of D-Bus as bytes, as far as talking to systemd needs them: calls with texts as
/// arguments; answers and signals read whole. Pure; any thread.
///
/// Everything that does not fit is `Error{bad_request}`: the peer is root's own systemd, and its
/// bytes are checked all the same.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace portoser::agent::systemd {

enum class MessageType : std::uint8_t { call = 1, answer = 2, error = 3, signal = 4 };

struct Message {
  MessageType type = MessageType::call;
  std::uint32_t serial = 0;
  std::uint32_t reply_serial = 0;  ///< of an answer or an error: the call's
  std::string path;
  std::string interface;
  std::string member;
  std::string error_name;
  std::string signature;  ///< of the body
  std::string body;
};

/// A call with arguments that are texts (or paths of objects: `signature` says which).
std::string encode_call(const Message& call, const std::vector<std::string>& arguments);

/// How many bytes of a message come first and tell how long it is.
inline constexpr std::size_t fixed_bytes = 16;
inline constexpr std::size_t largest_message = 4U << 20U;
/// The whole length, by its first `fixed_bytes`.
std::size_t message_size(std::string_view beginning);
Message decode(std::string_view bytes);

/// Numbers of all sizes in one type; an array of bytes is a text; a structure stands for its first
/// member. Nothing: a kind that nobody here asks for.
using Value = std::variant<std::monostate,
                           bool,
                           std::int64_t,
                           std::uint64_t,
                           std::string,
                           std::vector<std::string>>;
using Properties = std::map<std::string, Value>;

std::string text_of(const Properties& properties, const std::string& key);
/// 0 for what is not there or not a number; the largest for one that is larger.
std::int64_t number_of(const Properties& properties, const std::string& key);

/// Reads the arguments of a message, in their order.
class BodyReader {
 public:
  explicit BodyReader(const Message& message)
      : bytes_(message.body), signature_(message.signature) {}

  std::string text();
  std::uint32_t number();
  /// A map of names to values: "a{sv}".
  Properties properties();
  /// A single value that says its kind: "v".
  Value value();

 private:
  void expect(std::string_view signature);

  std::string_view bytes_;
  std::string_view signature_;
  std::size_t at_ = 0;
};

}  // namespace portoser::agent::systemd
