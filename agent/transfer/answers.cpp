#include "agent/transfer/answers.h"

#include "common/error.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace portoser::agent::transfer {
namespace {

constexpr std::size_t gathered = std::size_t{64} << 10U;
constexpr std::string_view entry_mark = "= ";
constexpr std::string_view bytes_mark = "+ ";
constexpr std::string_view working_line = "working";
constexpr std::string_view failed_mark = "failed: ";

Error unreadable() {
  return Error{Code::internal, "the other host's answer cannot be read"};
}

}  // namespace

void AnswerWriter::entry(const Entry& entry) {
  put(entry_mark);
  put(to_line(entry));
  put("\n");
}

void AnswerWriter::bytes(std::string_view block) {
  if (block.empty()) return;
  put(fmt::format("{}{}\n", bytes_mark, block.size()));
  put(block);
}

void AnswerWriter::end() {
  put("end\n");
  flush();
}

void AnswerWriter::failed(const std::string& sentence) {
  auto flat = sentence;
  std::replace(flat.begin(), flat.end(), '\n', ' ');
  put(fmt::format("{}{}\n", failed_mark, flat));
  flush();
}

void AnswerWriter::alive() {
  if (std::chrono::steady_clock::now() - flushed_ < quiet_) return;
  waiting_ += working_line;
  waiting_ += '\n';
  flush();
}

void AnswerWriter::put(std::string_view text) {
  waiting_ += text;
  if (waiting_.size() >= gathered) flush();
}

void AnswerWriter::flush() {
  channel_.write(waiting_);
  waiting_.clear();
  flushed_ = std::chrono::steady_clock::now();
}

std::optional<Entry> AnswerReader::entry() {
  std::string text;
  if (!begin_part(text)) return std::nullopt;
  if (!text.starts_with(entry_mark)) throw unreadable();
  return entry_from(std::string_view{text}.substr(entry_mark.size()));
}

std::size_t AnswerReader::bytes(char* out, std::size_t size) {
  while (left_ == 0) {
    std::string text;
    if (!begin_part(text)) return 0;
    const auto* end = text.data() + text.size();
    const auto [stopped, failure] = std::from_chars(text.data() + bytes_mark.size(), end, left_);
    if (!text.starts_with(bytes_mark) || failure != std::errc{} || stopped != end) {
      throw unreadable();
    }
  }
  if (taken_ == block_.size()) fill();
  const auto count = std::min({size, left_, block_.size() - taken_});
  std::copy_n(block_.data() + taken_, count, out);
  taken_ += count;
  left_ -= count;
  return count;
}

void AnswerReader::fill() {
  block_.resize(gathered);
  block_.resize(channel_.read_some(block_.data(), block_.size()));
  taken_ = 0;
  if (block_.empty()) throw transfer_cut("the stream ended early");
}

std::string AnswerReader::line() {
  std::string out;
  for (;;) {
    if (taken_ == block_.size()) fill();
    const auto end = block_.find('\n', taken_);
    out.append(block_, taken_, end == std::string::npos ? end : end - taken_);
    if (out.size() > Channel::line_limit) throw unreadable();
    taken_ = end == std::string::npos ? block_.size() : end + 1;
    if (end != std::string::npos) return out;
  }
}

/// False: that was all.
bool AnswerReader::begin_part(std::string& text) {
  if (ended_) return false;
  do {
    text = line();
  } while (text == working_line);
  if (text.starts_with(failed_mark)) {
    throw Error{Code::internal, "the other host says: " + text.substr(failed_mark.size())};
  }
  ended_ = text == "end";
  if (!ended_ && text.size() < entry_mark.size()) throw unreadable();
  return !ended_;
}

}  // namespace portoser::agent::transfer
