/// A stream to the program on the other host, through the agent's socket: one line with its id,
/// then bytes both ways. Blocking; one thread.
#pragma once

#include "common/error.h"
#include "common/file.h"

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace portoser::agent::transfer {

/// The reason of everything that a broken stream leads to.
Error transfer_cut(const std::string& what);

class Channel {
 public:
  using Patience = std::optional<std::chrono::milliseconds>;
  static constexpr std::size_t line_limit = std::size_t{256} << 10U;

  /// Here and below: the agent is away, or the stream broke or ended early:
  /// `Error{unavailable, TRANSFER_CUT}`.
  Channel(const std::filesystem::path& socket, const std::string& stream);

  void write(std::string_view bytes);
  /// Without the line's end. `patience` over: TRANSFER_CUT; a longer line than `line_limit`:
  /// `Error{invalid}`.
  std::string read_line(Patience patience = std::nullopt);
  /// 0: the other side ended.
  std::size_t read_some(char* out, std::size_t size);

  /// What this side has to say is said.
  void end_writing();
  /// Takes what is left until the other side ended too: closed before, the stream would count as
  /// broken. `patience`: for each part of it. Never fails.
  void drain(std::chrono::milliseconds patience = std::chrono::minutes{1});

  /// For a child's input and output: nothing beyond the lines that were read is lost.
  [[nodiscard]] int descriptor() const { return socket_.get(); }

 private:
  std::size_t receive(char* out, std::size_t size, Patience patience);

  Descriptor socket_;
};

}  // namespace portoser::agent::transfer
