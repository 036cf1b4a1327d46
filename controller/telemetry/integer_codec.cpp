#include "controller/telemetry/integer_codec.h"

#include "common/error.h"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <numeric>

namespace portoser::telemetry {

void damaged_series() {
  throw Error{Code::internal, "a block of series in the database is damaged"}.reason(
      "SERIES_DAMAGED");
}

namespace {

std::uint64_t fold(std::int64_t value) {
  // 0, -1, 1, -2 ... as 0, 1, 2, 3: small numbers of either sign stay small.
  return (static_cast<std::uint64_t>(value) << 1U) ^ static_cast<std::uint64_t>(value >> 63);
}

std::int64_t unfold(std::uint64_t value) {
  return static_cast<std::int64_t>((value >> 1U) ^ (~(value & 1U) + 1U));
}

std::uint64_t magnitude(std::int64_t value) {
  const auto bits = static_cast<std::uint64_t>(value);
  return value < 0 ? ~bits + 1U : bits;
}

/// Wraps around, so that any two numbers have a difference.
std::int64_t minus(std::int64_t left, std::int64_t right) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(left) -
                                   static_cast<std::uint64_t>(right));
}

std::int64_t plus(std::int64_t left, std::int64_t right) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(left) +
                                   static_cast<std::uint64_t>(right));
}

constexpr unsigned longest_unary = 24;
constexpr unsigned whole_bits = 64;

class BitWriter {
 public:
  void put(std::uint64_t value, unsigned bits) {
    while (bits > 0) {
      const auto room = whole_bits - used_;
      const auto now = std::min(room, bits);
      const auto part = now == whole_bits ? value : value & ((std::uint64_t{1} << now) - 1U);
      buffer_ |= part << used_;
      used_ += now;
      value = now == whole_bits ? 0 : value >> now;
      bits -= now;
      if (used_ == whole_bits) flush(sizeof(buffer_));
    }
  }
  void rice(std::uint64_t value, unsigned k) {
    const auto quotient = value >> k;
    if (quotient >= longest_unary) {
      put((std::uint64_t{1} << longest_unary) - 1U, longest_unary);
      put(value, whole_bits);
      return;
    }
    const auto ones = static_cast<unsigned>(quotient);
    put((std::uint64_t{1} << ones) - 1U, ones + 1);
    put(value, k);
  }
  std::string take() {
    flush((used_ + 7) / 8);
    return std::move(bytes_);
  }

 private:
  void flush(std::size_t bytes) {
    for (std::size_t i = 0; i < bytes; ++i) {
      bytes_.push_back(static_cast<char>(buffer_ >> (8 * i)));
    }
    buffer_ = 0;
    used_ = 0;
  }
  std::string bytes_;
  std::uint64_t buffer_ = 0;
  unsigned used_ = 0;
};

class BitReader {
 public:
  explicit BitReader(std::string_view bytes) : bytes_(bytes) {}

  std::uint64_t get(unsigned bits) {
    std::uint64_t value = 0;
    for (unsigned done = 0; done < bits;) {
      const auto byte = position_ / 8;
      const auto skip = position_ % 8;
      if (byte >= bytes_.size()) damaged_series();
      const auto now = std::min<unsigned>(8 - static_cast<unsigned>(skip), bits - done);
      const auto part = (static_cast<std::uint8_t>(bytes_[byte]) >> skip) & ((1U << now) - 1U);
      value |= static_cast<std::uint64_t>(part) << done;
      done += now;
      position_ += now;
    }
    return value;
  }
  std::uint64_t rice(unsigned k) {
    unsigned ones = 0;
    while (ones < longest_unary && get(1) != 0) ++ones;
    if (ones == longest_unary) return get(whole_bits);
    return (static_cast<std::uint64_t>(ones) << k) | get(k);
  }
  [[nodiscard]] std::size_t bytes_read() const { return (position_ + 7) / 8; }

 private:
  std::string_view bytes_;
  std::size_t position_ = 0;  ///< in bits
};

/// The bits that all of them take.
std::uint64_t cost(std::span<const std::uint64_t> values, unsigned k) {
  std::uint64_t bits = 0;
  for (const auto value : values) {
    const auto quotient = value >> k;
    bits += quotient < longest_unary ? quotient + 1 + k : longest_unary + whole_bits;
  }
  return bits;
}

unsigned best_k(std::span<const std::uint64_t> values) {
  // Without overflow: each is first divided.
  double sum = 0;
  for (const auto value : values) sum += static_cast<double>(value);
  const auto mean = sum / static_cast<double>(values.size());
  constexpr double most = 1e18;
  const auto about = mean < 1 ? 0U
                              : static_cast<unsigned>(std::bit_width(
                                    static_cast<std::uint64_t>(std::min(mean, most)))) -
                                    1U;
  unsigned best = about;
  auto least = std::numeric_limits<std::uint64_t>::max();
  const auto first = about < 3 ? 0U : about - 3;
  for (unsigned k = first; k <= about + 1; ++k) {
    if (const auto bits = cost(values, k); bits < least) {
      least = bits;
      best = k;
    }
  }
  return best;
}

}  // namespace

void ByteWriter::number(std::uint64_t value) {
  constexpr std::uint64_t more = 0x80;
  while (value >= more) {
    byte(static_cast<std::uint8_t>(value | more));
    value >>= 7U;
  }
  byte(static_cast<std::uint8_t>(value));
}

void ByteWriter::signed_number(std::int64_t value) {
  number(fold(value));
}

void ByteWriter::text(std::string_view text) {
  number(text.size());
  raw(text);
}

void ByteWriter::integers(std::span<const std::int64_t> values) {
  if (values.empty()) return;
  signed_number(values.front());
  if (values.size() == 1) return;
  std::vector<std::uint64_t> steps;
  steps.reserve(values.size() - 1);
  std::uint64_t common = 0;
  for (std::size_t i = 1; i < values.size(); ++i) {
    common = std::gcd(common, magnitude(minus(values[i], values[i - 1])));
  }
  number(common);
  if (common == 0) return;  // they are all the same
  for (std::size_t i = 1; i < values.size(); ++i) {
    const auto step = minus(values[i], values[i - 1]);
    const auto size = static_cast<std::int64_t>(magnitude(step) / common);
    steps.push_back(fold(step < 0 ? minus(0, size) : size));
  }
  const auto k = best_k(steps);
  byte(static_cast<std::uint8_t>(k));
  BitWriter bits;
  for (const auto step : steps) bits.rice(step, k);
  raw(bits.take());
}

std::uint64_t ByteReader::number() {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < whole_bits; shift += 7) {
    const auto next = byte();
    value |= static_cast<std::uint64_t>(next & 0x7fU) << shift;
    if ((next & 0x80U) == 0) return value;
  }
  damaged_series();
}

std::size_t ByteReader::count(std::size_t limit) {
  const auto value = number();
  if (value > limit) damaged_series();
  return static_cast<std::size_t>(value);
}

std::int64_t ByteReader::signed_number() {
  return unfold(number());
}

std::string_view ByteReader::text() {
  return raw(count(bytes_.size()));
}

std::uint8_t ByteReader::byte() {
  return static_cast<std::uint8_t>(raw(1).front());
}

std::string_view ByteReader::raw(std::size_t size) {
  if (size > bytes_.size()) damaged_series();
  const auto part = bytes_.substr(0, size);
  bytes_.remove_prefix(size);
  return part;
}

std::vector<std::int64_t> ByteReader::integers(std::size_t count) {
  std::vector<std::int64_t> values;
  if (count == 0) return values;
  values.reserve(count);
  values.push_back(signed_number());
  if (count == 1) return values;
  const auto common = number();
  if (common == 0) {
    values.resize(count, values.front());
    return values;
  }
  const unsigned k = byte();
  if (k >= whole_bits) damaged_series();
  BitReader bits{bytes_};
  for (std::size_t i = 1; i < count; ++i) {
    const auto step = unfold(bits.rice(k));
    const auto whole = static_cast<std::int64_t>(static_cast<std::uint64_t>(step) * common);
    values.push_back(plus(values.back(), whole));
  }
  raw(bits.bytes_read());
  return values;
}

}  // namespace portoser::telemetry
