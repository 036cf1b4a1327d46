/// Moves of the ledger round three hosts, and a fault in each. Which fault comes at which step of
/// the move is decided by a seed: the same seed makes the same list, though not the same
/// microseconds. In turn every kind comes, and when all have come at every step, once more.
#pragma once

#include "common/file.h"
#include "tests/cluster/move_world.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace portoser::test {

class MoveFaults {
 public:
  /// What a world needs so that each kind has something to break.
  static MoveWorldOptions needs(std::uint64_t seed);

  MoveFaults(MoveWorld& world, std::uint64_t seed);

  /// One move with the next fault, printed; then everything is mended, the end of the move awaited
  /// and looked at. What is wrong then, a sentence each.
  std::vector<std::string> step();
  /// How often each kind happened and how the moves ended.
  void print_counts() const;

 private:
  /// How long it is left as it is.
  enum class Lasts {
    moment,      ///< mended at once
    a_while,     ///< up to two seconds, or longer than it takes to be offline
    until_over,  ///< until the move has ended, or could not
  };
  struct Kind {
    const char* name;
    void (MoveFaults::*strike)();
    Lasts lasts;
    bool may_come_first;  ///< at the first step also before the move is asked for
  };
  struct Choice {
    const Kind* kind;
    std::string step;
  };
  /// A move that was taken on.
  struct Taken {
    std::string batch;
    std::string to;
  };

  static const std::vector<Kind>& kinds();
  static const std::vector<std::string>& steps();
  [[nodiscard]] std::vector<Choice> make_list();
  std::size_t any(std::size_t count);
  void say(const std::string& what) const;

  void choose_hosts();
  std::vector<std::string> move_with_fault(const Choice& choice);
  /// False: it was refused.
  bool begin();
  void await_step(const std::string& step);
  void strike(const Kind& kind);
  void let_last(const Kind& kind);
  /// Programs of ours that ended though nobody ended them.
  void look_for_deaths(const Kind& kind);
  void look_at_end();
  void look_at_registry(const std::string& place);
  /// The first move that was taken on; true too when none was.
  [[nodiscard]] bool is_over() const;
  /// Somebody asks for another move in the middle of it; it may be taken on only when the first one
  /// is over.
  void ask_beside(const std::string& to);

  void kill_source_agent();
  void kill_target_agent();
  void kill_controller();
  void cut_source();
  void cut_target();
  void cut_power_of_source();
  void cut_power_of_target();
  void fill_target();
  void take_port();
  void lose_images();
  void hang_writer();
  void freeze_engine_of_source();
  void freeze_engine_of_target();
  void stop_engine_of_source();
  void stop_engine_of_target();
  void crash_engine_of_source();
  void crash_engine_of_target();
  void comment_by_hand();
  void move_entry_by_hand();
  void move_elsewhere();
  void move_to_where_it_was();
  void move_again();
  void contradict();
  void be_stale();
  void cancel();

  MoveWorld& world_;
  std::mt19937_64 random_;
  std::vector<Choice> list_;
  std::size_t count_ = 0;
  std::map<std::string, int> counts_;

  // Of the move that is under way.
  MoveHost* source_ = nullptr;
  MoveHost* target_ = nullptr;
  MoveHost* third_ = nullptr;
  std::vector<Taken> taken_;
  std::string met_;  ///< the step it was at when it was last asked
  Descriptor port_taker_;
  bool is_slowed_ = false;
  bool entry_was_moved_ = false;
  std::int64_t records_before_ = 0;
  std::vector<std::string> wrong_;
};

}  // namespace portoser::test
