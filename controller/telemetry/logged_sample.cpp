#include "controller/telemetry/logged_sample.h"

#include "controller/telemetry/integer_codec.h"

namespace portoser::telemetry {
namespace {

constexpr std::size_t most_values = 1U << 20U;

}  // namespace

std::string encode(const SampleRecord& record) {
  ByteWriter out;
  out.text(record.boot_id);
  out.signed_number(record.number);
  out.signed_number(record.time_ms);
  out.number(record.values.size());
  std::string_view service;
  for (const auto& value : record.values) {
    // Values of a service follow each other: its name is written once, after a metric of 0.
    if (value.service != service) {
      service = value.service;
      out.byte(0);
      out.text(service);
    }
    out.byte(static_cast<std::uint8_t>(value.metric));
    out.text(value.subject);
    out.signed_number(value.value);
  }
  return out.take();
}

SampleRecord decode_sample(std::string_view bytes) {
  ByteReader in{bytes};
  SampleRecord record;
  record.boot_id = in.text();
  record.number = in.signed_number();
  record.time_ms = in.signed_number();
  std::string_view service;
  for (auto left = in.count(most_values); left > 0; --left) {
    auto metric = in.byte();
    if (metric == 0) {
      service = in.text();
      metric = in.byte();
    }
    const auto subject = in.text();
    record.values.push_back({service, static_cast<Metric>(metric), subject, in.signed_number()});
  }
  return record;
}

}  // namespace portoser::telemetry
