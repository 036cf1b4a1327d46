#include "agent/transfer/request.h"

#include "agent/transfer/rsync_call.h"
#include "common/error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace portoser::agent::transfer {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

using Words = std::vector<std::string>;

/// As rsync 3.2.7 and 3.5.0 hand it to the other host.
Words asked() {
  return {"--server",
          "--sender",
          "-lHogDtpAXrSe.iLsfxCIvu",
          "--compress-level=1",
          "--bwlimit=100",
          "--compress-choice=zstd",
          "--numeric-ids",
          "--info=STATS",
          "--inplace",
          ".",
          "."};
}

TEST(ServedArguments, OurFolderTakesThePlaceOfTheirs) {
  auto words = asked();
  words.back() = "/etc";
  const auto served = served_arguments(words, "/srv/notes", 0);
  EXPECT_EQ(served.back(), "/srv/notes/");
  EXPECT_EQ(served[served.size() - 2], ".");
  EXPECT_THAT(served, Not(Contains("/etc")));
  EXPECT_THAT(served, Contains("--bwlimit=100"));
  EXPECT_EQ(served.size(), words.size());
}

TEST(ServedArguments, OurLimitTakesThePlaceOfTheirs) {
  const auto served = served_arguments(asked(), "/srv/notes/", 50);
  EXPECT_THAT(served, Contains("--bwlimit=50"));
  EXPECT_THAT(served, Not(Contains("--bwlimit=100")));
  EXPECT_EQ(served.back(), "/srv/notes/");
}

TEST(ServedArguments, TheLookAtEveryByteIsServedToo) {
  auto words = asked();
  words[2] = "-lHogDtpAXrISe.iLsfxCIvu";
  EXPECT_NO_THROW(served_arguments(words, "/srv/notes", 0));
}

struct Refusal {
  const char* name;
  std::size_t place;
  const char* word;
};

class RefusedArguments : public testing::TestWithParam<Refusal> {};

TEST_P(RefusedArguments, AreNotServed) {
  auto words = asked();
  words.at(GetParam().place) = GetParam().word;
  EXPECT_THROW(served_arguments(words, "/srv/notes", 0), Error);
}

INSTANTIATE_TEST_SUITE_P(
    All,
    RefusedArguments,
    testing::Values(Refusal{"NoServer", 0, "--daemon"},
                    Refusal{"AReceiver", 1, "-lHogDtpAXrSe.iLsfxCIvu"},
                    Refusal{"ArgumentsOverTheStream", 2, "-lHogDtpAXrSse.iLsfxCIvu"},
                    Refusal{"AShellOfItsOwn", 2, "-esh"},
                    Refusal{"AFilter", 2, "-lfe."},
                    Refusal{"NoLetters", 2, "-"},
                    Refusal{"OddAbilities", 2, "-le.i$(x)"},
                    Refusal{"RemovesTheSource", 3, "--remove-source-files"},
                    Refusal{"AListOfFiles", 3, "--files-from=/etc/passwd"},
                    Refusal{"ALogFile", 3, "--log-file=/etc/passwd"},
                    Refusal{"ALimitThatIsNone", 3, "--bwlimit=1x"},
                    Refusal{"AnotherPath", 8, "/etc"},
                    Refusal{"TwoPaths", 9, "/etc"}),
    [](const auto& tested) { return tested.param.name; });

TEST(ServedArguments, TooFewAreRefused) {
  EXPECT_THROW(served_arguments({}, "/srv/notes", 0), Error);
  EXPECT_THROW(served_arguments({"--server", "--sender", ".", "."}, "/srv/notes", 0), Error);
}

TEST(TransferRequest, IsTheSameBehindALine) {
  Request request;
  request.root = 1;
  request.wants = "rsync";
  request.arguments = asked();
  const auto line = to_line(request);
  EXPECT_EQ(line.find('\n'), std::string::npos);
  const auto read = request_from(line, 2);
  EXPECT_EQ(read.root, 1);
  EXPECT_EQ(read.wants, "rsync");
  EXPECT_EQ(read.arguments, request.arguments);
}

TEST(TransferRequest, OfSomethingThatThereIsNotIsRefused) {
  EXPECT_THROW(request_from(R"({"root":2,"wants":"manifest"})", 2), Error);
  EXPECT_THROW(request_from(R"({"root":-1,"wants":"manifest"})", 2), Error);
  EXPECT_THROW(request_from(R"({"root":0,"wants":"shell"})", 2), Error);
  EXPECT_THROW(request_from("rsync", 2), Error);
  EXPECT_EQ(request_from(R"({"wants":"end","problem":"full"})", 0).problem, "full");
}

TEST(ReceivingWords, ChangeFilesInTheirPlaceUnlessEveryByteIsLookedAt) {
  RsyncCall call;
  call.rsync = "/usr/bin/rsync";
  call.program = "/opt/it's here/portoser-transfer";
  call.socket = "/var/lib/x/streams.sock";
  call.stream = "01J0000000000000000000000A.3";
  call.root = 2;
  call.folder = "/srv/notes";
  call.rate_limit_kib = 10;
  const auto first = receiving_words(call);
  EXPECT_THAT(first, Contains("--inplace"));
  EXPECT_THAT(first, Contains("--bwlimit=10"));
  EXPECT_THAT(first, Not(Contains("--ignore-times")));
  EXPECT_THAT(first, Not(Contains("--exclude=/lost+found")));
  EXPECT_THAT(first,
              Contains("'/opt/it''s here/portoser-transfer' pipe '/var/lib/x/streams.sock' "
                       "'01J0000000000000000000000A.3' 2"));
  EXPECT_EQ(first.back(), "/srv/notes/");
  call.checks_content = true;
  call.skips_lost_and_found = true;
  const auto second = receiving_words(call);
  EXPECT_THAT(second, Contains("--ignore-times"));
  EXPECT_THAT(second, Contains("--exclude=/lost+found"));
  EXPECT_THAT(second, Not(Contains("--inplace")));
}

std::string reason_of(int status, Words words, bool is_final) {
  RsyncEnd end;
  end.status = status;
  end.words = std::move(words);
  try {
    judge(end, "folder /srv/notes", is_final);
  } catch (const Error& error) {
    return error.reason();
  }
  return "well";
}

TEST(RsyncEnd, IsTakenAsWhatItMeans) {
  const Words full{"rsync: [receiver] write failed on \"/x\": No space left on device (28)",
                   "rsync error: error in file IO (code 11) at receiver.c(401) [receiver=3.2.7]"};
  EXPECT_EQ(reason_of(0, {}, true), "well");
  EXPECT_EQ(reason_of(11, full, false), "DISK_FULL");
  EXPECT_EQ(reason_of(23, full, false), "DISK_FULL");
  for (const int cut : {5, 10, 12, 30, 35}) {
    EXPECT_EQ(reason_of(cut, {}, false), "TRANSFER_CUT") << cut;
  }
  EXPECT_EQ(reason_of(24, {"file has vanished: \"/x\""}, false), "well");
  EXPECT_EQ(reason_of(24, {"file has vanished: \"/x\""}, true), "INTERNAL");
  EXPECT_EQ(reason_of(23, {"WARNING: x failed verification"}, false), "well");
  EXPECT_EQ(reason_of(23, {"WARNING: x failed verification"}, true), "INTERNAL");
  EXPECT_EQ(reason_of(23, {"rsync: read errors mapping \"/x\": Input/output error (5)"}, false),
            "INTERNAL");
  EXPECT_EQ(reason_of(1, {}, false), "INTERNAL");
}

}  // namespace
}  // namespace portoser::agent::transfer
