/// The files that the agent and portoser-inspect share.
#pragma once

namespace portoser::agent::inspection {

// In the folder of a question while it is answered; each is one message of the wire.
inline constexpr auto question_file = "question";
inline constexpr auto answer_file = "answer";

/// In the agent's data folder: random bytes, so that fingerprints of this host's values say nothing
/// to who does not have them.
inline constexpr auto fingerprint_key_file = "fingerprint.key";

}  // namespace portoser::agent::inspection
