#include "agent/inspection/inspector.h"

#include "common/file.h"
#include "common/ids.h"
#include "protocol/codec.h"
#include "protocol/questions.h"
#include "tests/support/temp_folder.h"

#include <boost/asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <vector>

namespace portoser::agent::inspection {
namespace {

namespace fs = std::filesystem;

class InspectorTest : public testing::Test {
 protected:
  ~InspectorTest() override { pool_.join(); }

  InspectorSettings settings(const std::string& program = PORTOSER_INSPECT) {
    InspectorSettings settings;
    settings.program = program;
    settings.data_folder = folder_.path();
    settings.engine_socket = (folder_.path() / "no.sock").string();
    return settings;
  }
  static protocol::Question question(const protocol::InspectCompose& asked) {
    protocol::Question question;
    question.id = make_ulid(Time{});
    question.name = protocol::InspectCompose::name;
    question.duration_ms = 60'000;
    question.arguments = protocol::encode_arguments(asked);
    return question;
  }
  /// All of them side by side.
  std::vector<protocol::Answer> ask(InspectorSettings settings,
                                    const std::vector<protocol::Question>& questions) {
    std::vector<protocol::Answer> answers;
    Inspector inspector{context_.get_executor(), pool_, std::move(settings), [&](auto answer) {
                          answers.push_back(std::move(answer));
                        }};
    context_.restart();
    for (const auto& one : questions) inspector.handle(one);
    while (answers.size() < questions.size() && context_.run_one() > 0) {
    }
    EXPECT_TRUE(fs::is_empty(folder_.path() / "questions")) << "nothing of a question stays";
    return answers;
  }
  protocol::Answer ask(InspectorSettings settings, const protocol::Question& question) {
    return ask(std::move(settings), std::vector{question}).at(0);
  }

  test::TempFolder folder_;
  asio::io_context context_{1};
  asio::thread_pool pool_{1};
};

TEST_F(InspectorTest, AnswersWhatItsProgramFound) {
  const auto file = folder_.path() / "compose.yml";
  write_file_atomic(file, "services: {}\n");
  write_file_atomic(folder_.path() / ".env", "PASSWORD=secret\n");
  const auto answer = ask(settings(), question({{"notes", {file.string()}, "", ""}}));
  ASSERT_TRUE(answer.succeeded) << answer.message;
  const auto found = protocol::decode_arguments<protocol::ComposeInspection>(answer.content);
  EXPECT_EQ(found.file, file.string());
  EXPECT_EQ(found.text, "services: {}\n");
  EXPECT_EQ(found.size_bytes, 13);
  EXPECT_EQ(found.revision.size(), 64U);
  ASSERT_EQ(found.environment.size(), 1U);
  EXPECT_EQ(found.environment[0].name, "PASSWORD");
  EXPECT_NE(found.images_problem, "") << "there is no engine: images are unknown, not none";
}

TEST_F(InspectorTest, AQuestionThatIsNotKnownIsRefused) {
  auto asked = question({});
  asked.name = "compose.guess";
  EXPECT_EQ(ask(settings(), asked).reason, "UNKNOWN_QUESTION");
}

TEST_F(InspectorTest, ArgumentsThatDoNotFitAreRefused) {
  auto asked = question({});
  asked.arguments.data = "nonsense";
  EXPECT_EQ(ask(settings(), asked).code, "bad_request");
}

TEST_F(InspectorTest, AnIdThatIsNoneBecomesNoPath) {
  auto asked = question({});
  asked.id = "../../elsewhere";
  EXPECT_EQ(ask(settings(), asked).code, "bad_request");
}

TEST_F(InspectorTest, AProgramThatIsNotThereOrFailsIsSaid) {
  EXPECT_FALSE(ask(settings("/no/such/program"), question({})).succeeded);
  const auto failed = ask(settings("/bin/false"), question({}));
  EXPECT_EQ(failed.code, "internal");
}

TEST_F(InspectorTest, WithoutItsProgramItKnowsNoQuestion) {
  const auto known_with = [&](const std::string& program) {
    return Inspector{context_.get_executor(), pool_, settings(program), [](auto) {}}
        .known_questions();
  };
  EXPECT_THAT(known_with(PORTOSER_INSPECT), testing::Contains("native.preflight"));
  EXPECT_THAT(known_with("/no/such/program"), testing::IsEmpty());
  const auto program = folder_.path() / "inspect";
  write_file_atomic(program, "#!/bin/sh\n", 0644);
  EXPECT_THAT(known_with(program.string()), testing::IsEmpty()) << "it is no program";
}

TEST_F(InspectorTest, AProgramThatHangsIsEnded) {
  const auto program = folder_.path() / "hang";
  write_file_atomic(program, "#!/bin/sh\nexec sleep 1000\n", 0755);
  auto asked = question({});
  asked.duration_ms = 50;
  EXPECT_EQ(ask(settings(program.string()), asked).reason, "QUESTION_DEADLINE");
}

TEST_F(InspectorTest, WhatItCannotAnswerAtOnceWaitsAndTooManyAreRefused) {
  const auto file = folder_.path() / "compose.yml";
  write_file_atomic(file, "services: {}\n");
  const auto asked = [&] { return question({{"notes", {file.string()}, "", ""}}); };
  auto few = settings();
  few.at_a_time = 1;
  few.waiting = 2;
  const auto answers = ask(few, std::vector{asked(), asked(), asked(), asked()});
  EXPECT_EQ(
      std::count_if(
          answers.begin(), answers.end(), [](const auto& answer) { return answer.succeeded; }),
      3);
  EXPECT_THAT(answers, testing::Contains(testing::Field(&protocol::Answer::reason, "BUSY")));
}

TEST_F(InspectorTest, WhoWaitsTooLongIsTold) {
  const auto program = folder_.path() / "hang";
  write_file_atomic(program, "#!/bin/sh\nexec sleep 1000\n", 0755);
  auto few = settings(program.string());
  few.at_a_time = 1;
  auto first = question({});
  first.duration_ms = 200;
  auto second = question({});
  second.duration_ms = 20;
  for (const auto& answer : ask(few, std::vector{first, second})) {
    EXPECT_EQ(answer.reason, "QUESTION_DEADLINE");
  }
}

TEST_F(InspectorTest, WhatAnEarlierAgentLeftIsRemovedAndItsKeyStays) {
  make_folder(folder_.path() / "questions" / "left", 0700);
  std::vector<protocol::Answer> none;
  ask(settings(), std::vector<protocol::Question>{});
  const auto key = read_file(folder_.path() / "fingerprint.key");
  EXPECT_EQ(key.size(), 32U);
  ask(settings(), std::vector<protocol::Question>{});
  EXPECT_EQ(read_file(folder_.path() / "fingerprint.key"), key);
}

}  // namespace
}  // namespace portoser::agent::inspection
