/// The calls of rsync, on both hosts. Blocking; the program has one thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace portoser::agent::transfer {

/// Its path, by PATH. Not there: `Error{unavailable, RSYNC_MISSING}`.
std::string find_rsync();

/// Of the receiving host.
struct RsyncCall {
  std::string rsync;    ///< path
  std::string program;  ///< path of portoser-transfer, whose mode `pipe` joins rsync and stream
  std::string socket;   ///< the agent's, for streams
  std::string stream;   ///< with its number
  std::int64_t root = 0;
  std::string folder;  ///< where it goes
  bool skips_lost_and_found = false;
  /// Compares every file block by block, whatever size and time say, and puts whole new ones in the
  /// place of all. Changed in their place, or left because their content is the same, two files
  /// that are one here and two there would never be right.
  bool checks_content = false;
  std::int64_t rate_limit_kib = 0;
};

std::vector<std::string> receiving_words(const RsyncCall& call);

struct RsyncEnd {
  int status = 0;                  ///< 128 + signal for one that a signal ended
  std::vector<std::string> words;  ///< the last lines of what it complained about
  std::int64_t total_bytes = 0;    ///< of all files, copied now or there before
};

/// `on_bytes`: how many it has copied so far; comes several times a second. Complaints go to our
/// standard output, too.
RsyncEnd run_rsync(const std::vector<std::string>& words,
                   const std::function<void(std::int64_t)>& on_bytes);

/// Serves on `channel`, which is a socket; the exit status as above. Its complaints go to our
/// standard output.
int serve_rsync(const std::vector<std::string>& words, int channel);

/// As the end of a call on the receiving host has to be taken: well is also what cannot be copied
/// whole while the service runs and changes it. Else an `Error`: TRANSFER_CUT, DISK_FULL, or one
/// with rsync's own words.
void judge(const RsyncEnd& end, const std::string& name, bool is_final);
/// The stream broke, or the rsync on the other side ended.
bool means_cut(int status);

}  // namespace portoser::agent::transfer
