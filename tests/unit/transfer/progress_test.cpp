#include "agent/transfer/progress.h"

#include <gtest/gtest.h>

namespace portoser::agent::transfer {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::int64_t mib = 1 << 20;
const Progress::Steady start{seconds{1000}};

TEST(TransferProgress, SizesAreForPeople) {
  EXPECT_EQ(size_text(0), "0 B");
  EXPECT_EQ(size_text(1023), "1023 B");
  EXPECT_EQ(size_text(5000), "4 KiB");
  EXPECT_EQ(size_text(312 * mib), "312 MiB");
  EXPECT_EQ(size_text(1024 * mib), "1.0 GiB");
  EXPECT_EQ(size_text(1024 * 1024 * mib), "1.0 TiB");
}

TEST(TransferProgress, ReadsWhatRsyncSays) {
  EXPECT_EQ(progress_bytes("        8781088   9%    7.86MB/s    0:00:10  "), 8781088);
  EXPECT_EQ(progress_bytes("              1   0%    0.98kB/s    0:00:00 (xfr#1, to-chk=11/13)"), 1);
  EXPECT_EQ(progress_bytes("sent 196 bytes  received 40028621 bytes"), std::nullopt);
  EXPECT_EQ(progress_bytes("12 files"), std::nullopt);
  EXPECT_EQ(progress_bytes(""), std::nullopt);
  EXPECT_EQ(total_bytes("total size is 92464477  speedup is 2.31"), 92464477);
  EXPECT_EQ(total_bytes("the total size is 1"), std::nullopt);
}

TEST(TransferProgress, SaysHowMuchHowFastAndHowLong) {
  Progress progress{1024 * mib, start};
  progress.begin("volume notes_data", start);
  EXPECT_EQ(progress.at(85 * mib, start + seconds{1}),
            "volume notes_data: 85 MiB of 1.0 GiB, 85 MiB/s, 11 s left");
}

TEST(TransferProgress, SaysItOnceASecond) {
  Progress progress{0, start};
  progress.begin("folder /srv/notes", start);
  EXPECT_EQ(progress.at(mib, start + milliseconds{999}), std::nullopt);
  EXPECT_EQ(progress.at(2 * mib, start + milliseconds{1000}), "folder /srv/notes: 2 MiB, 2 MiB/s");
  EXPECT_EQ(progress.at(3 * mib, start + milliseconds{1500}), std::nullopt);
}

TEST(TransferProgress, WhatCameBeforeCounts) {
  Progress progress{100 * mib, start};
  progress.begin("volume a", start);
  progress.end(40 * mib);
  progress.begin("volume b", start);
  EXPECT_EQ(progress.at(10 * mib, start + seconds{1}),
            "volume b: 50 MiB of 100 MiB, 10 MiB/s, 5 s left");
}

TEST(TransferProgress, ATotalThatIsTooSmallIsLeftOut) {
  Progress progress{mib, start};
  progress.begin("volume a", start);
  EXPECT_EQ(progress.at(10 * mib, start + seconds{1}), "volume a: 10 MiB, 10 MiB/s");
}

}  // namespace
}  // namespace portoser::agent::transfer
