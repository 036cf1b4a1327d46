#include "agent/systemd/wire.h"

#include "common/error.h"

#include <fmt/format.h>

#include <bit>
#include <cstring>
#include <limits>
#include <optional>

namespace portoser::agent::systemd {
namespace {

constexpr char own_order = std::endian::native == std::endian::little ? 'l' : 'B';
constexpr int deepest = 32;
constexpr std::uint8_t protocol_version = 1;

enum Field : std::uint8_t {
  field_path = 1,
  field_interface = 2,
  field_member = 3,
  field_error_name = 4,
  field_reply_serial = 5,
  field_signature = 8,
};

Error broken(std::string_view what) {
  return Error{Code::bad_request, fmt::format("not a message of D-Bus: {}", what)};
}

std::size_t aligned(std::size_t at, std::size_t to) {
  return (at + to - 1) / to * to;
}

class Writer {
 public:
  void align(std::size_t to) { bytes_.resize(aligned(bytes_.size(), to)); }
  void byte(std::uint8_t value) { bytes_.push_back(static_cast<char>(value)); }
  void number(std::uint32_t value) {
    align(sizeof value);
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void text(std::string_view value) {
    number(static_cast<std::uint32_t>(value.size()));
    bytes_.append(value);
    bytes_.push_back('\0');
  }
  void signature(std::string_view value) {
    byte(static_cast<std::uint8_t>(value.size()));
    bytes_.append(value);
    bytes_.push_back('\0');
  }
  void field(Field code, std::string_view kind, std::string_view value) {
    align(8);
    byte(code);
    signature(kind);
    if (kind == "g") {
      signature(value);
    } else {
      text(value);
    }
  }
  void overwrite(std::size_t at, std::uint32_t value) {
    std::memcpy(bytes_.data() + at, &value, sizeof value);
  }
  [[nodiscard]] std::size_t size() const { return bytes_.size(); }
  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

class Reader {
 public:
  explicit Reader(std::string_view bytes, std::size_t at = 0) : bytes_(bytes), at_(at) {}

  [[nodiscard]] std::size_t at() const { return at_; }
  void align(std::size_t to) {
    at_ = aligned(at_, to);
    if (at_ > bytes_.size()) throw broken("it ends too early");
  }
  template <class Number>
  Number number() {
    align(sizeof(Number));
    Number value{};
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }
  std::string_view text() { return ended(number<std::uint32_t>()); }
  std::string_view signature() { return ended(number<std::uint8_t>()); }

  /// A value of the first complete type of `signature`, which loses it.
  Value value(std::string_view& signature, int depth = 0) {
    if (depth > deepest) throw broken("it is nested too deep");
    if (signature.empty()) throw broken("a type is missing");
    const char kind = signature.front();
    signature.remove_prefix(1);
    switch (kind) {
      case 'y':
        return std::uint64_t{number<std::uint8_t>()};
      case 'b':
        return number<std::uint32_t>() != 0;
      case 'n':
        return std::int64_t{number<std::int16_t>()};
      case 'q':
        return std::uint64_t{number<std::uint16_t>()};
      case 'i':
        return std::int64_t{number<std::int32_t>()};
      case 'u':
      case 'h':
        return std::uint64_t{number<std::uint32_t>()};
      case 'x':
        return number<std::int64_t>();
      case 't':
        return number<std::uint64_t>();
      case 'd':
        static_cast<void>(number<std::uint64_t>());
        return std::monostate{};
      case 's':
      case 'o':
        return std::string{text()};
      case 'g':
        return std::string{this->signature()};
      case 'v': {
        auto inner = this->signature();
        auto held = value(inner, depth + 1);
        if (!inner.empty()) throw broken("a variant of more than one type");
        return held;
      }
      case 'a':
        return array(signature, depth);
      case '(':
      case '{':
        return structure(kind == '(' ? ')' : '}', signature, depth);
      default:
        throw broken("an unknown type");
    }
  }

  Properties properties() {
    const auto end = array_end(8);
    Properties out;
    while (at_ < end) {
      align(8);
      auto key = std::string{text()};
      std::string_view variant{"v"};
      out.insert_or_assign(std::move(key), value(variant));
    }
    if (at_ != end) throw broken("a map ends within an entry");
    return out;
  }

 private:
  std::string_view take(std::size_t count) {
    if (count > bytes_.size() - at_) throw broken("it ends too early");
    const auto out = bytes_.substr(at_, count);
    at_ += count;
    return out;
  }
  std::string_view ended(std::size_t size) {
    const auto out = take(size);
    if (take(1).front() != '\0') throw broken("a text without its end");
    return out;
  }

  static std::size_t alignment_of(char kind) {
    switch (kind) {
      case 'y':
      case 'g':
      case 'v':
        return 1;
      case 'n':
      case 'q':
        return 2;
      case 'x':
      case 't':
      case 'd':
      case '(':
      case '{':
        return 8;
      default:
        return 4;
    }
  }

  std::size_t array_end(std::size_t element_alignment) {
    const auto size = number<std::uint32_t>();
    align(element_alignment);
    if (size > bytes_.size() - at_) throw broken("an array is longer than the message");
    return at_ + size;
  }

  Value array(std::string_view& signature, int depth) {
    if (signature.empty()) throw broken("an array of nothing");
    const auto element = signature;
    const auto end = array_end(alignment_of(element.front()));
    if (element.front() == 'y') {
      signature.remove_prefix(1);
      return std::string{take(end - at_)};
    }
    std::optional<std::vector<std::string>> texts;
    if (element.front() == 's' || element.front() == 'o') texts.emplace();
    // An empty array still has a type, which is skipped without a value.
    skip_type(signature, depth + 1);
    while (at_ < end) {
      const auto before = at_;
      auto kind = element;
      auto one = value(kind, depth + 1);
      if (at_ == before) throw broken("an element without bytes");
      if (texts) texts->push_back(std::get<std::string>(std::move(one)));
    }
    if (at_ != end) throw broken("an array ends within an element");
    if (texts) return std::move(*texts);
    return std::monostate{};
  }

  Value structure(char closing, std::string_view& signature, int depth) {
    align(8);
    if (signature.empty() || signature.front() == closing) throw broken("an empty structure");
    auto first = value(signature, depth + 1);
    while (!signature.empty() && signature.front() != closing) value(signature, depth + 1);
    if (signature.empty()) throw broken("a structure without its end");
    signature.remove_prefix(1);
    return first;
  }

  static void skip_type(std::string_view& signature, int depth) {
    if (depth > deepest) throw broken("it is nested too deep");
    if (signature.empty()) throw broken("a type is missing");
    const char kind = signature.front();
    signature.remove_prefix(1);
    if (kind == 'a') return skip_type(signature, depth + 1);
    if (kind != '(' && kind != '{') return;
    const char closing = kind == '(' ? ')' : '}';
    while (!signature.empty() && signature.front() != closing) skip_type(signature, depth + 1);
    if (signature.empty()) throw broken("a structure without its end");
    signature.remove_prefix(1);
  }

  std::string_view bytes_;
  std::size_t at_;
};

void read_field(Reader& reader, Message& message) {
  reader.align(8);
  const auto code = reader.number<std::uint8_t>();
  std::string_view variant{"v"};
  const auto value = reader.value(variant);
  const auto* text = std::get_if<std::string>(&value);
  const auto* number = std::get_if<std::uint64_t>(&value);
  if (code == field_reply_serial && number != nullptr) {
    message.reply_serial = static_cast<std::uint32_t>(*number);
  }
  if (text == nullptr) return;
  if (code == field_path) message.path = *text;
  if (code == field_interface) message.interface = *text;
  if (code == field_member) message.member = *text;
  if (code == field_error_name) message.error_name = *text;
  if (code == field_signature) message.signature = *text;
}

struct Sizes {
  std::size_t fields = 0;
  std::size_t body = 0;
};

Sizes sizes_of(std::string_view bytes) {
  if (bytes.size() < fixed_bytes) throw broken("it ends too early");
  if (bytes[0] != own_order) throw broken("another order of bytes than this machine's");
  if (static_cast<std::uint8_t>(bytes[3]) != protocol_version) throw broken("another version");
  std::uint32_t body = 0;
  std::uint32_t fields = 0;
  std::memcpy(&body, bytes.data() + 4, sizeof body);
  std::memcpy(&fields, bytes.data() + 12, sizeof fields);
  if (body > largest_message || fields > largest_message) throw broken("it is too large");
  return {fields, body};
}

}  // namespace

std::string encode_call(const Message& call, const std::vector<std::string>& arguments) {
  Writer body;
  for (const auto& argument : arguments) body.text(argument);
  Writer out;
  out.byte(static_cast<std::uint8_t>(own_order));
  out.byte(static_cast<std::uint8_t>(call.type));
  out.byte(0);
  out.byte(protocol_version);
  out.number(static_cast<std::uint32_t>(body.size()));
  out.number(call.serial);
  out.number(0);
  out.field(field_path, "o", call.path);
  out.field(field_interface, "s", call.interface);
  out.field(field_member, "s", call.member);
  if (!call.signature.empty()) out.field(field_signature, "g", call.signature);
  out.overwrite(12, static_cast<std::uint32_t>(out.size() - fixed_bytes));
  out.align(8);
  return out.take() + body.take();
}

std::size_t message_size(std::string_view beginning) {
  const auto sizes = sizes_of(beginning);
  return aligned(fixed_bytes + sizes.fields, 8) + sizes.body;
}

Message decode(std::string_view bytes) {
  const auto sizes = sizes_of(bytes);
  const auto body_at = aligned(fixed_bytes + sizes.fields, 8);
  if (bytes.size() != body_at + sizes.body) throw broken("it is not as long as it says");
  Message message;
  const auto type = static_cast<std::uint8_t>(bytes[1]);
  if (type < 1 || type > 4) throw broken("an unknown type of message");
  message.type = static_cast<MessageType>(type);
  std::memcpy(&message.serial, bytes.data() + 8, sizeof message.serial);
  const auto fields_end = fixed_bytes + sizes.fields;
  Reader reader{bytes.substr(0, fields_end), fixed_bytes};
  while (reader.at() < fields_end) read_field(reader, message);
  message.body = bytes.substr(body_at);
  return message;
}

std::string text_of(const Properties& properties, const std::string& key) {
  const auto found = properties.find(key);
  if (found == properties.end()) return {};
  const auto* text = std::get_if<std::string>(&found->second);
  return text == nullptr ? std::string{} : *text;
}

std::int64_t number_of(const Properties& properties, const std::string& key) {
  const auto found = properties.find(key);
  if (found == properties.end()) return 0;
  if (const auto* flag = std::get_if<bool>(&found->second)) return *flag ? 1 : 0;
  if (const auto* number = std::get_if<std::int64_t>(&found->second)) return *number;
  const auto* number = std::get_if<std::uint64_t>(&found->second);
  if (number == nullptr) return 0;
  constexpr auto most = std::numeric_limits<std::int64_t>::max();
  return *number > static_cast<std::uint64_t>(most) ? most : static_cast<std::int64_t>(*number);
}

void BodyReader::expect(std::string_view signature) {
  if (!signature_.starts_with(signature)) throw broken("other arguments than expected");
  signature_.remove_prefix(signature.size());
}

std::string BodyReader::text() {
  expect(signature_.starts_with("o") ? "o" : "s");
  Reader reader{bytes_, at_};
  auto out = std::string{reader.text()};
  at_ = reader.at();
  return out;
}

std::uint32_t BodyReader::number() {
  expect("u");
  Reader reader{bytes_, at_};
  const auto out = reader.number<std::uint32_t>();
  at_ = reader.at();
  return out;
}

Properties BodyReader::properties() {
  expect("a{sv}");
  Reader reader{bytes_, at_};
  auto out = reader.properties();
  at_ = reader.at();
  return out;
}

Value BodyReader::value() {
  expect("v");
  Reader reader{bytes_, at_};
  std::string_view variant{"v"};
  auto out = reader.value(variant);
  at_ = reader.at();
  return out;
}

}  // namespace portoser::agent::systemd
