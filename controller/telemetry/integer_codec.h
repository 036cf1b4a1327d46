/// Lists of whole numbers as few bytes: differences between neighbours, divided by what they have
/// in common (sizes move in pages of 4096), each in a Rice code, whose length follows the size of
/// the number. A list that does not change costs two bytes. Pure; any thread.
///
/// Source of the code: R. F. Rice, "Some Practical Universal Noiseless Coding Techniques", 1979.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace portoser::telemetry {

/// What was read is not what was written: `Error{internal}`, SERIES_DAMAGED.
[[noreturn]] void damaged_series();

class ByteWriter {
 public:
  /// Seven bits a byte, the lowest first.
  void number(std::uint64_t value);
  void signed_number(std::int64_t value);
  void text(std::string_view text);
  void byte(std::uint8_t byte) { bytes_.push_back(static_cast<char>(byte)); }
  void raw(std::string_view bytes) { bytes_ += bytes; }
  /// Of which the reader knows how many they are.
  void integers(std::span<const std::int64_t> values);

  [[nodiscard]] std::string take() { return std::move(bytes_); }
  [[nodiscard]] const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

/// Reads what a `ByteWriter` wrote. Bytes that it did not write: `Error{internal}`.
class ByteReader {
 public:
  /// `bytes` must outlive it.
  explicit ByteReader(std::string_view bytes) : bytes_(bytes) {}

  std::uint64_t number();
  /// At most `limit`: what else would ask for all memory.
  std::size_t count(std::size_t limit);
  std::int64_t signed_number();
  std::string_view text();
  std::uint8_t byte();
  std::string_view raw(std::size_t size);
  std::vector<std::int64_t> integers(std::size_t count);

  [[nodiscard]] bool at_end() const { return bytes_.empty(); }

 private:
  std::string_view bytes_;
};

}  // namespace portoser::telemetry
