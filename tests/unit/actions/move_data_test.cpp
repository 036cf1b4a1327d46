// The commands of a move as the agent sees them, with portoser-transfer played by a script.
#include "agent/actions/failure_text.h"
#include "agent/transfer/parameters.h"
#include "common/describe_json.h"
#include "tests/unit/actions/fixture.h"

namespace portoser::agent::actions {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class MoveCommands : public ActionsTest {
 protected:
  MoveCommands() {
    write_file_atomic(folder / "tool/transfer",
                      "#!/bin/sh\ndir=$(dirname \"$0\")\necho \"$1\" >> \"$dir/calls\"\n"
                      "if [ -f \"$dir/do-$1\" ]; then . \"$dir/do-$1\"; fi\nexit 0\n",
                      0755);
    settings.move.transfer_program = (folder / "tool/transfer").string();
    end(actions);
    actions = make_actions();
  }
  template <class Arguments>
  protocol::Command of(const Arguments& arguments) const {
    protocol::Command out;
    out.id = new_id();
    out.name = Arguments::name;
    out.duration_ms = 60'000;
    out.arguments = protocol::encode_arguments(arguments);
    return out;
  }
  static std::vector<protocol::DataRoot> roots() {
    protocol::DataRoot root;
    root.kind = "volume";
    root.volume = "notes_data";
    root.labels = {{"a", "b"}};
    return {root};
  }
  protocol::MoveSend send() const {
    protocol::MoveSend out;
    out.service = "notes";
    out.move = new_id();
    out.stream = new_id();
    out.roots = roots();
    out.rate_limit_kib = 7;
    return out;
  }
  protocol::MoveReceive receive(bool is_final) const {
    protocol::MoveReceive out;
    out.service = "notes";
    out.move = new_id();
    out.stream = new_id();
    out.roots = roots();
    out.is_final = is_final;
    out.total_bytes = 9;
    out.may_replace = {"volume:notes_data"};
    return out;
  }
  transfer::Parameters parameters_of(const std::string& id) const {
    const auto file = settings.data_folder / "journal" / id / "parameters.json";
    transfer::Parameters out;
    from_json(Json::parse(read_file(file)), out, "parameters");
    return out;
  }
};

TEST_F(MoveCommands, ASendIsOneStepThatKnowsWhatItNeeds) {
  const auto arguments = send();
  const auto some = of(arguments);
  actions->handle(some);
  await_result();
  EXPECT_TRUE(results[0].succeeded) << results[0].message;
  EXPECT_THAT(calls(), ElementsAre("send"));
  const auto parameters = parameters_of(some.id);
  EXPECT_EQ(parameters.data, settings.data_folder.string());
  EXPECT_EQ(parameters.stream_socket, (settings.data_folder / "streams.sock").string());
  EXPECT_EQ(parameters.engine_socket, settings.compose.engine_socket);
  EXPECT_EQ(parameters.stream, arguments.stream);
  EXPECT_EQ(parameters.roots, arguments.roots);
  EXPECT_EQ(parameters.rate_limit_kib, 7);
}

TEST_F(MoveCommands, OnlyTheLastPassIsCompared) {
  actions->handle(of(receive(false)));
  await_result();
  EXPECT_THAT(calls(), ElementsAre("prepare", "fetch"));
  std::filesystem::remove(folder / "tool/calls");
  const auto last = of(receive(true));
  actions->handle(last);
  await_result(2);
  EXPECT_TRUE(results[1].succeeded) << results[1].message;
  EXPECT_THAT(calls(), ElementsAre("prepare", "fetch", "compare"));
  const auto parameters = parameters_of(last.id);
  EXPECT_TRUE(parameters.is_final);
  EXPECT_EQ(parameters.total_bytes, 9);
  EXPECT_THAT(parameters.may_replace, ElementsAre("volume:notes_data"));
}

TEST_F(MoveCommands, WhatHappensToContainersMeanwhileIsNotTheirDoing) {
  actions->handle(of(send()));
  await_result();
  EXPECT_THAT(windows, IsEmpty());
}

TEST_F(MoveCommands, ADiscardSaysOfWhichMove) {
  protocol::MoveDiscard arguments;
  arguments.target = target();
  arguments.move = new_id();
  const auto some = of(arguments);
  actions->handle(some);
  await_result();
  EXPECT_TRUE(results[0].succeeded) << results[0].message;
  EXPECT_THAT(calls(), ElementsAre("discard"));
  EXPECT_EQ(parameters_of(some.id).move, arguments.move);
  EXPECT_THAT(parameters_of(some.id).roots, IsEmpty());
}

TEST_F(MoveCommands, WhatTheProgramSaysIsTheResult) {
  script("prepare",
         "echo 'hint: move it away'\necho 'FOLDER_EXISTS: /srv/notes is not empty'\nexit 1\n");
  actions->handle(of(receive(false)));
  await_result();
  EXPECT_FALSE(results[0].succeeded);
  EXPECT_EQ(results[0].reason, "FOLDER_EXISTS");
  EXPECT_EQ(results[0].message, "/srv/notes is not empty");
  EXPECT_EQ(results[0].hint, "move it away");
  EXPECT_EQ(results[0].failed_step, "prepare");
  EXPECT_THAT(calls(), ElementsAre("prepare"));
}

TEST_F(MoveCommands, ArgumentsThatMakeNoSenseRunNothing) {
  auto some = send();
  some.stream = "../x";
  actions->handle(of(some));
  await_result();
  EXPECT_EQ(results[0].code, "invalid");
  some = send();
  some.roots[0].kind = "disk";
  actions->handle(of(some));
  await_result(2);
  EXPECT_EQ(results[1].code, "invalid");
  some = send();
  some.roots[0].kind = "folder";
  some.roots[0].path = "notes";
  actions->handle(of(some));
  await_result(3);
  EXPECT_EQ(results[2].code, "invalid");
  EXPECT_THAT(calls(), IsEmpty());
}

TEST_F(MoveCommands, WithoutItsProgramItIsSaidSo) {
  settings.move.transfer_program = "/no/such/portoser-transfer";
  end(actions);
  actions = make_actions();
  actions->handle(of(send()));
  await_result();
  EXPECT_EQ(results[0].code, "unavailable");
  EXPECT_THAT(results[0].message, HasSubstr("/no/such/portoser-transfer"));
}

TEST(TransferFailure, OfNoKnownReasonHasTheProgramsWords) {
  StepFailure failure;
  failure.step = "fetch";
  failure.exit_code = 137;
  failure.lines = {"volume notes_data: 2 MiB"};
  const auto error = explain_transfer_failure(failure);
  EXPECT_EQ(error.reason(), "ACTION_FAILED");
  EXPECT_THAT(error.message(), HasSubstr("\"fetch\" failed (exit 137)"));
  failure.lines = {"TRANSFER_CUT: the transfer was cut: the stream ended early"};
  EXPECT_EQ(explain_transfer_failure(failure).reason(), "TRANSFER_CUT");
  EXPECT_EQ(explain_transfer_failure(failure).code(), Code::unavailable);
}

}  // namespace
}  // namespace portoser::agent::actions
