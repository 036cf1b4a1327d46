/// How many of the oldest rows go into the next batch. A store answers for a whole request, so one
/// row that it will not take has its neighbours refused too: what was refused together is sent
/// again by halves, until what is refused is alone. Pure; one thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace portoser::telemetry {

class BatchSize {
 public:
  explicit BatchSize(std::size_t most) : most_(most), rows_(most) {}

  [[nodiscard]] std::size_t rows() const { return rows_; }
  /// A row that is refused is looked for, or was just found.
  [[nodiscard]] bool is_narrowed() const { return rows_ < most_; }

  void taken(std::size_t rows) {
    is_run_ = false;
    errors_ = 0;
    suspects_ -= std::min(rows, suspects_);
    rows_ = suspects_ > 0 ? std::max<std::size_t>(suspects_ / 2, 1) : std::min(2 * rows_, most_);
  }
  /// True: it was alone and is to be given up.
  bool refused(std::size_t rows) {
    errors_ = 0;
    is_run_ = rows <= 1;
    suspects_ = is_run_ ? 0 : rows;
    rows_ = std::max<std::size_t>(rows / 2, 1);
    return is_run_;
  }
  /// The answer was an error of the store. True: it was often enough to ask whether these rows are
  /// what it cannot take. Each time while they are looked for, since that asks for nothing more.
  bool is_suspect(std::int64_t first_id, std::size_t rows) {
    constexpr int most_errors = 3;
    if (first_id != first_id_) errors_ = 0;
    first_id_ = first_id;
    ++errors_;
    return errors_ >= most_errors || is_run_ || (rows > 1 && is_narrowed());
  }
  /// There was no answer, or one that says nothing about the rows.
  void unanswered() { errors_ = 0; }

 private:
  std::size_t most_;
  std::size_t rows_;
  std::size_t suspects_ = 0;  ///< the oldest so many were refused together
  bool is_run_ = false;       ///< the row before was given up: late ones come in rows
  int errors_ = 0;            ///< of the store, one after another, about the same rows
  std::int64_t first_id_ = 0;
};

}  // namespace portoser::telemetry
