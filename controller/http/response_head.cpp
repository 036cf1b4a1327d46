#include "controller/http/response_head.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <ctime>

namespace portoser::http {
namespace {

template <class Number>
void append_number(std::string& out, Number number) {
  std::array<char, 24> text{};
  const auto [end, failure] = std::to_chars(text.data(), text.data() + text.size(), number);
  out.append(text.data(), end);
}

/// Milliseconds with two decimals.
void append_milliseconds(std::string& out, Uptime duration) {
  const auto hundredths =
      std::chrono::duration_cast<std::chrono::microseconds>(duration).count() / 10;
  append_number(out, hundredths / 100);
  out += '.';
  out += static_cast<char>('0' + hundredths / 10 % 10);
  out += static_cast<char>('0' + hundredths % 10);
}

/// A line end inside a value would let its author write headers of his own.
void append_value(std::string& out, std::string_view value) {
  for (const char c : value) {
    if (static_cast<unsigned char>(c) >= 0x20 || c == '\t') out += c;
  }
}

void append_line(std::string& out, std::string_view name, std::string_view value) {
  out += name;
  out += ": ";
  append_value(out, value);
  out += "\r\n";
}

bool has_no_body(unsigned status) {
  return status == 204 || status == 304;
}

}  // namespace

ResponseHead::ResponseHead(const HeadSettings& settings, bool vary_by_origin) {
  const auto sources =
      settings.connect_sources.empty() ? std::string{} : " " + settings.connect_sources;
  append_line(fixed_, "X-Content-Type-Options", "nosniff");
  append_line(fixed_, "X-Frame-Options", "SAMEORIGIN");
  append_line(fixed_, "X-XSS-Protection", "1; mode=block");
  append_line(fixed_, "Referrer-Policy", "strict-origin-when-cross-origin");
  append_line(fixed_,
              "Permissions-Policy",
              "accelerometer=(), camera=(), geolocation=(), gyroscope=(), magnetometer=(), "
              "microphone=(), payment=(), usb=()");
  append_line(fixed_,
              "Content-Security-Policy",
              "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
              "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
              "font-src 'self' data:; connect-src 'self' ws: wss:" +
                  sources + "; frame-ancestors 'self'; base-uri 'self'; form-action 'self'");
  if (settings.hsts) {
    append_line(fixed_, "Strict-Transport-Security", "max-age=31536000; includeSubDomains");
  }
  if (vary_by_origin) append_line(fixed_, "Vary", "Origin");
}

void ResponseHead::write(std::string& out, const Facts& facts) const {
  const auto& response = facts.response;
  out.clear();
  out += "HTTP/1.1 ";
  append_number(out, response.status);
  out += ' ';
  out += reason_phrase(response.status);
  out += "\r\n";
  out += fixed_;
  out += "Date: ";
  out += facts.date;
  if (!has_no_body(response.status)) {
    const auto size = response.text().size();
    if (size > 0 || !response.content_type.empty()) {
      out += "\r\nContent-Type: ";
      append_value(out,
                   response.content_type.empty() ? std::string_view{"application/json"}
                                                 : std::string_view{response.content_type});
    }
    out += "\r\nContent-Length: ";
    append_number(out, size);
  }
  out += "\r\nX-Request-ID: ";
  out += facts.request.request_id;
  out += "\r\nX-Process-Time: ";
  append_milliseconds(out, facts.duration);
  out += facts.keep_alive ? "\r\nConnection: keep-alive\r\n" : "\r\nConnection: close\r\n";
  if (facts.is_listed_origin) {
    append_line(out, "Access-Control-Allow-Origin", *facts.request.header("Origin"));
    out +=
        "Access-Control-Allow-Credentials: true\r\n"
        "Access-Control-Expose-Headers: X-Request-ID, X-Process-Time, Retry-After, Location, "
        "ETag\r\n";
  }
  for (const auto& [name, value] : response.headers) append_line(out, name, value);
  out += "\r\n";
}

std::string http_date(Time time) {
  const auto seconds = static_cast<std::time_t>(to_unix_us(time) / 1'000'000);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  static constexpr std::array<const char*, 7> days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr std::array<const char*, 12> months{
      "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  return fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} GMT",
                     days.at(static_cast<std::size_t>(parts.tm_wday)),
                     parts.tm_mday,
                     months.at(static_cast<std::size_t>(parts.tm_mon)),
                     parts.tm_year + 1900,
                     parts.tm_hour,
                     parts.tm_min,
                     parts.tm_sec);
}

std::string_view HttpDate::at(Time now) {
  const auto second = std::chrono::floor<std::chrono::seconds>(now);
  if (second != second_ || text_.empty()) {
    second_ = second;
    text_ = http_date(now);
  }
  return text_;
}

}  // namespace portoser::http
