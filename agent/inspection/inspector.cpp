#include "agent/inspection/inspector.h"

#include "agent/inspection/question_files.h"
#include "common/child.h"
#include "common/file.h"
#include "common/ids.h"
#include "common/log.h"
#include "protocol/codec.h"
#include "protocol/questions.h"

#include <boost/asio/redirect_error.hpp>
#include <boost/mp11.hpp>

#include <algorithm>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace portoser::agent::inspection {
namespace {

constexpr std::chrono::seconds longest{60};

void fail(protocol::Answer& answer, const Error& error) {
  answer.succeeded = false;
  answer.code = to_string(error.code());
  answer.reason = error.reason();
  answer.message = error.message();
  answer.hint = error.hint();
  answer.content = {};
}

bool can_run(const std::string& program) {
  return ::access(program.c_str(), X_OK) == 0;
}

Error too_late() {
  return Error{Code::deadline, "this host did not find the answer in time"}
      .reason("QUESTION_DEADLINE")
      .hint("its disk or its engine is slow, or it is asked too much at once: look at the host");
}

/// Whatever becomes of the answer, nothing of the question stays.
struct FolderRemover {
  std::filesystem::path folder;
  ~FolderRemover() {
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
  }
};

protocol::Answer answer_in(const std::filesystem::path& folder, const ChildResult& ended) {
  if (ended.timed_out) throw too_late();
  if (ended.exit_code != 0) {
    throw Error{
        Code::internal,
        "portoser-inspect ended with " + std::to_string(ended.exit_code) + ": " + ended.output};
  }
  const auto envelope = protocol::decode(read_file(folder / answer_file, protocol::message_limit));
  return std::get<protocol::Answer>(std::get<protocol::AnyMessage>(envelope.body));
}

}  // namespace

Inspector::Inspector(asio::any_io_executor executor,
                     asio::thread_pool& pool,
                     InspectorSettings settings,
                     OnAnswer on_answer)
    : pool_(pool),
      settings_(std::move(settings)),
      folder_(settings_.data_folder / "questions"),
      on_answer_(std::move(on_answer)),
      tasks_(std::move(executor)) {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
  make_folder(folder_, 0700);
  // Here, and not where it is used: of two processes that make one each would know another.
  const auto key = settings_.data_folder / fingerprint_key_file;
  constexpr std::size_t key_bytes = 32;
  if (!std::filesystem::exists(key)) write_file_atomic(key, random_bytes(key_bytes), 0600);
  if (!can_run(settings_.program)) {
    log::warn("inspection",
              "the program that answers questions cannot be run",
              {{"program", settings_.program}});
  }
}

std::vector<std::string> Inspector::known_questions() const {
  std::vector<std::string> names;
  if (!can_run(settings_.program)) return names;
  boost::mp11::mp_for_each<protocol::Questions<boost::mp11::mp_list>>(
      [&](const auto& question) { names.emplace_back(question.name); });
  return names;
}

void Inspector::handle(protocol::Question question) {
  auto name = "question " + question.name.substr(0, 64);
  tasks_.spawn(std::move(name), answer(std::move(question)));
}

asio::awaitable<void> Inspector::answer(protocol::Question question) {
  protocol::Answer answer;
  try {
    answer = co_await answer_of(question);
  } catch (const Error& error) {
    fail(answer, error);
  } catch (const std::exception& error) {
    if (is_cancellation(std::current_exception())) throw;
    fail(answer, Error{Code::internal, error.what()});
  }
  answer.question_id = question.id;
  if (!answer.succeeded) {
    log::info("inspection",
              "a question was not answered",
              {{"name", question.name.substr(0, 64)}, {"reason", answer.reason}});
  }
  on_answer_(std::move(answer));
}

/// What a question has while its process runs.
struct Inspector::Turn {
  Inspector& inspector;
  ~Turn() { inspector.give_turn(); }
};

/// What is left of the patience when it comes.
asio::awaitable<std::chrono::milliseconds> Inspector::take_turn(
    std::chrono::milliseconds patience) {
  using Steady = std::chrono::steady_clock;
  const auto end = Steady::now() + patience;
  if (under_way_ >= settings_.at_a_time) {
    if (waiting_.size() >= settings_.waiting) {
      throw Error{Code::unavailable, "too many questions wait for this host already"}
          .reason("BUSY")
          .hint("ask again in a moment");
    }
    auto timer = std::make_shared<asio::steady_timer>(co_await asio::this_coro::executor, end);
    waiting_.push_back(timer);
    boost::system::error_code woken;
    co_await timer->async_wait(asio::redirect_error(asio::use_awaitable, woken));
    const bool has_turn = std::find(waiting_.begin(), waiting_.end(), timer) == waiting_.end();
    if (!has_turn) {
      std::erase(waiting_, timer);
      if (woken) throw boost::system::system_error{woken};  // the agent stops
      throw too_late();
    }
  } else {
    ++under_way_;
  }
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Steady::now());
  co_return std::max(left, std::chrono::milliseconds{1});
}

/// It goes to who waits longest.
void Inspector::give_turn() {
  if (waiting_.empty()) {
    --under_way_;
    return;
  }
  const auto next = waiting_.front();
  waiting_.pop_front();
  next->cancel();
}

asio::awaitable<protocol::Answer> Inspector::answer_of(const protocol::Question& question) {
  if (!is_ulid(question.id)) {
    throw Error{Code::bad_request, "the question's id is not a ULID", "id"};
  }
  std::chrono::milliseconds patience{question.duration_ms};
  if (question.duration_ms <= 0 || patience > longest) patience = longest;
  const auto left = co_await take_turn(patience);
  const Turn turn{*this};
  const auto folder = folder_ / question.id;
  auto write = [folder, bytes = protocol::encode(question)] {
    try {
      make_folder(folder, 0700);
      write_file_atomic(folder / question_file, bytes, 0600);
    } catch (...) {
      const FolderRemover remover{folder};
      throw;
    }
  };
  co_await on_pool(pool_, std::move(write));

  ChildRequest request;
  request.argv = {
      settings_.program, folder.string(), settings_.engine_socket, settings_.data_folder.string()};
  request.limit = left;
  request.output_limit = std::size_t{4} << 10U;
  ChildResult ended;
  std::exception_ptr failure;
  try {
    auto running = run_child(std::move(request));
    ended = co_await std::move(running);
  } catch (const Error&) {
    failure = std::current_exception();
  }
  auto read = [folder, ended, failure] {
    const FolderRemover remover{folder};
    if (failure) std::rethrow_exception(failure);
    return answer_in(folder, ended);
  };
  co_return co_await on_pool(pool_, std::move(read));
}

}  // namespace portoser::agent::inspection
