#include "agent/transfer/manifest.h"

#include "agent/transfer/line_text.h"
#include "common/crypto.h"
#include "common/error.h"
#include "common/ids.h"
#include "tests/support/temp_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <unistd.h>

namespace portoser::agent::transfer {
namespace {

using testing::ElementsAre;

class Manifest : public testing::Test {
 protected:
  void put(const std::string& name, const std::string& text = "x") const {
    const auto path = folder / "root" / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream{path} << text;
  }
  [[nodiscard]] std::string at(const std::string& name) const {
    return (folder / "root" / name).string();
  }
  [[nodiscard]] std::vector<Entry> walk(bool skips_lost_and_found = false) const {
    ManifestWalk walk{folder / "root", skips_lost_and_found};
    std::vector<Entry> entries;
    while (auto entry = walk.next()) entries.push_back(std::move(*entry));
    return entries;
  }
  [[nodiscard]] std::vector<std::string> paths() const {
    std::vector<std::string> out;
    for (const auto& entry : walk()) out.push_back(entry.path);
    return out;
  }
  [[nodiscard]] Entry entry(const std::string& name) const {
    for (auto& each : walk()) {
      if (each.path == name) return each;
    }
    throw Error{Code::not_found, name + " is not in the manifest"};
  }

  test::TempFolder folder{"manifest"};
};

class ManifestTree : public Manifest {
 protected:
  ManifestTree() { std::filesystem::create_directories(folder / "root"); }
};

TEST_F(ManifestTree, AFolderComesBeforeWhatIsInItAndNamesGoByTheirBytes) {
  put("b/z");
  put("b/a");
  put("b-c");
  put("B");
  put("\xff");
  std::filesystem::create_directory(at("empty"));
  EXPECT_THAT(paths(), ElementsAre("", "B", "b", "b/a", "b/z", "b-c", "empty", "\xff"));
}

TEST_F(ManifestTree, TheOrderOfAWalkIsTheOrderOfItsPaths) {
  put("b/z");
  put("b-c");
  put("b/z-/x");
  put("b\x01");
  put("b/\xff");
  const auto all = paths();
  EXPECT_TRUE(std::is_sorted(all.begin(), all.end(), comes_before)) << testing::PrintToString(all);
}

TEST_F(ManifestTree, ContentSizeModeAndOwnerOfAFileAreInIt) {
  put("file", "hello");
  ASSERT_EQ(::chmod(at("file").c_str(), 04751), 0);
  const timespec times[2] = {{0, UTIME_OMIT}, {1'000'000'000, 123'456'789}};
  ASSERT_EQ(::utimensat(AT_FDCWD, at("file").c_str(), times, 0), 0);
  const auto file = entry("file");
  EXPECT_EQ(file.type, '-');
  EXPECT_EQ(file.mode, 04751U);
  EXPECT_EQ(file.uid, ::geteuid());
  EXPECT_EQ(file.size, 5);
  EXPECT_EQ(file.mtime_ns, 1'000'000'000'123'456'789);
  EXPECT_EQ(file.content, to_hex(sha256("hello")));
}

TEST_F(ManifestTree, AnEntryIsTheSameBehindALine) {
  put("new\nline\ttab\\ \xff", "x");
  std::filesystem::create_symlink("some\nwhere", at("link"));
  for (const auto& each : walk()) {
    const auto line = to_line(each);
    EXPECT_EQ(line.find('\n'), std::string::npos);
    EXPECT_EQ(entry_from(line), each);
  }
}

TEST_F(ManifestTree, WhatIsNoLineOfAManifestIsRefused) {
  const auto good = to_line(Entry{});
  EXPECT_NO_THROW(entry_from(good));
  EXPECT_THROW(entry_from(good + "\tmore"), Error);
  EXPECT_THROW(entry_from(good.substr(0, good.rfind('\t'))), Error);
  EXPECT_THROW(entry_from(""), Error);
  EXPECT_THROW(entry_from("\\xZZ" + good), Error);
}

TEST_F(ManifestTree, FilesThatAreOneAreNamedAfterTheFirst) {
  put("a/first", "one");
  std::filesystem::create_hard_link(at("a/first"), at("b"));
  put("other", "one");
  EXPECT_EQ(entry("a/first").link_of, "");
  EXPECT_EQ(entry("b").link_of, "a/first");
  EXPECT_EQ(entry("other").link_of, "");
  EXPECT_EQ(entry("other").content, entry("a/first").content);
}

TEST_F(ManifestTree, AFileWithHolesIsEqualToOneThatIsWrittenOut) {
  put("holes", "");
  put("written", std::string(1'000'000, '\0'));
  std::filesystem::resize_file(at("holes"), 1'000'000);
  EXPECT_EQ(entry("holes").content, entry("written").content);
  EXPECT_EQ(entry("holes").size, entry("written").size);
}

TEST_F(ManifestTree, LinksAreNotFollowed) {
  std::filesystem::create_symlink("/nowhere/at/all", at("broken"));
  std::filesystem::create_directory_symlink("/etc", at("out"));
  const auto broken = entry("broken");
  EXPECT_EQ(broken.type, 'l');
  EXPECT_EQ(broken.target, "/nowhere/at/all");
  EXPECT_THAT(paths(), ElementsAre("", "broken", "out"));
}

TEST_F(ManifestTree, APipeDoesNotHoldItUp) {
  ASSERT_EQ(::mkfifo(at("pipe").c_str(), 0600), 0);
  EXPECT_EQ(entry("pipe").type, 'p');
  EXPECT_EQ(entry("pipe").content, "");
}

TEST_F(ManifestTree, ADeviceHasItsNumber) {
  const auto number = makedev(1, 3);
  if (::mknod(at("null").c_str(), S_IFCHR | 0666U, number) != 0) {
    // Who may not make one has none to move.
    ASSERT_EQ(errno, EPERM);
    return;
  }
  EXPECT_EQ(entry("null").type, 'c');
  EXPECT_EQ(entry("null").device, number);
}

TEST_F(ManifestTree, ExtendedAttributesCount) {
  put("file");
  EXPECT_EQ(entry("file").attributes, "");
  const bool is_set = ::setxattr(at("file").c_str(), "user.one", "1", 1, 0) == 0;
  if (!is_set) {
    ASSERT_EQ(errno, ENOTSUP);
    EXPECT_EQ(entry("file").attributes, "");
    return;
  }
  const auto before = entry("file").attributes;
  EXPECT_NE(before, "");
  ASSERT_EQ(::setxattr(at("file").c_str(), "user.one", "2", 1, 0), 0);
  EXPECT_NE(entry("file").attributes, before);
  ASSERT_EQ(::setxattr(at("file").c_str(), "user.one", "1", 1, 0), 0);
  ASSERT_EQ(::setxattr(at("file").c_str(), "user.two", "", 0, 0), 0);
  EXPECT_NE(entry("file").attributes, before);
}

TEST_F(ManifestTree, LostAndFoundOfAFileSystemIsLeftOut) {
  put("lost+found/x");
  put("data/lost+found/y");
  std::vector<std::string> left;
  for (const auto& each : walk(true)) left.push_back(each.path);
  EXPECT_THAT(left, ElementsAre("", "data", "data/lost+found", "data/lost+found/y"));
  EXPECT_EQ(walk(false).size(), 6U);
}

TEST_F(ManifestTree, EveryNameOfAFileIsALinkOfTheFirst) {
  put("a");
  for (const auto* name : {"b", "c"}) std::filesystem::create_hard_link(at("a"), at(name));
  EXPECT_EQ(entry("a").link_of, "");
  EXPECT_EQ(entry("b").link_of, "a");
  EXPECT_EQ(entry("c").link_of, "a");
}

TEST_F(ManifestTree, ReadingAFileIsTold) {
  put("empty", "");
  int times = 0;
  const auto count = [&times] { ++times; };
  for (ManifestWalk walk{folder / "root", false, count}; walk.next();) {
  }
  EXPECT_EQ(times, 0);
  put("file", std::string(1'000'000, 'x'));
  for (ManifestWalk walk{folder / "root", false, count}; walk.next();) {
  }
  EXPECT_GE(times, 3);
}

TEST_F(Manifest, WithoutAFolderThereIsNone) {
  EXPECT_THROW(ManifestWalk(folder / "root", false), Error);
}

TEST(LineText, AnyBytesComeBack) {
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  EXPECT_EQ(unescaped(escaped(all)), all);
  EXPECT_EQ(escaped("a b/c.txt"), "a b/c.txt");
  EXPECT_THROW(unescaped("\\x1"), Error);
  EXPECT_THROW(unescaped("\\n"), Error);
}

}  // namespace
}  // namespace portoser::agent::transfer
