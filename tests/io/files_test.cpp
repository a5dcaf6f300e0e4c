#include "obverse/io/files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include "obverse/core/error.h"
#include "tests/io/refused.h"
#include "tests/temporary_folder.h"

namespace obverse {
namespace {

namespace fs = std::filesystem;
using ::obverse::testing::refusal;
using ::obverse::testing::TemporaryFolder;
using ::testing::HasSubstr;

std::vector<std::string> listing(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

// Files cannot grow beyond `bytes` while this lives: what a full disk looks like.
class FullDisk {
 public:
  explicit FullDisk(rlim_t bytes) {
    handler_ = std::signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old_);
    const rlimit limit{bytes, old_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FullDisk() {
    setrlimit(RLIMIT_FSIZE, &old_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit old_{};
  void (*handler_)(int);
};

std::string gzip(const std::string& bytes) {
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, bytes.size()) + 32, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

TEST(Sha256, MatchesThePublishedVectors) {
  EXPECT_EQ(sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");  // FIPS 180-4
}

TEST(ReadFile, GivesBackWhatWasWritten) {
  const TemporaryFolder folder;
  for (const size_t size : {0, 1, 65535, 65536, 65537, 1 << 20}) {
    std::string bytes(size, 'x');
    for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 31);
    write_file(folder.file("a"), bytes);
    EXPECT_EQ(read_file(folder.file("a")), bytes);
  }
}

TEST(ReadFile, SaysWhatIsWrongAndWhere) {
  const TemporaryFolder folder;
  write_file(folder.file("a"), "12345");
  EXPECT_EQ(refusal([&] { read_file(folder.file("b")); }),
            "cannot read " + folder.file("b") + ": No such file or directory");
  EXPECT_THAT(refusal([&] { read_file(folder.path()); }), HasSubstr("it is a folder"));
  EXPECT_THAT(refusal([&] { read_file(folder.file("a"), 4); }), HasSubstr("at most 4"));
  EXPECT_THAT(refusal([&] { read_file("/dev/zero", 1000); }), HasSubstr("more than the 1000"));
  EXPECT_EQ(read_file(folder.file("a"), 5), "12345");
}

TEST(ReadFileStart, GivesTheFirstBytesOrAllThereAre) {
  const TemporaryFolder folder;
  write_file(folder.file("a"), "12345");
  EXPECT_EQ(read_file_start(folder.file("a"), 3), "123");
  EXPECT_EQ(read_file_start(folder.file("a"), 9), "12345");
}

TEST(WriteFile, LeavesTheOldContentAndNothingElseWhenTheDiskIsFull) {
  const TemporaryFolder folder;
  write_file(folder.file("a"), "old");
  {
    const FullDisk full(1000);
    EXPECT_EQ(refusal([&] { write_file(folder.file("a"), std::string(5000, 'n')); }),
              "cannot write " + folder.file("a") + ": File too large");
  }
  EXPECT_EQ(read_file(folder.file("a")), "old");
  EXPECT_EQ(listing(folder.path()), std::vector<std::string>{"a"});
}

TEST(WriteFile, ReportsADeviceThatIsFullAndDoesNotReplaceIt) {
  EXPECT_EQ(refusal([] { write_file("/dev/full", "x"); }), "cannot write /dev/full: No space left on device");
  write_file("/dev/null", "x");
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
}

TEST(WriteFile, SaysWhatIsWrongAndWhere) {
  const TemporaryFolder folder;
  EXPECT_THAT(refusal([&] { write_file(folder.file("no/a"), "x"); }), HasSubstr("No such file or directory"));
  EXPECT_THAT(refusal([&] { write_file(folder.path(), "x"); }), HasSubstr("it is a folder"));
  EXPECT_THAT(refusal([] { write_file("/proc/obverse", "x"); }), HasSubstr("cannot write /proc/obverse: "));
}

TEST(WriteFile, SaysThatPermissionIsMissing) {
  const TemporaryFolder folder;
  write_file(folder.file("a"), "old");
  fs::permissions(folder.file("a"), fs::perms::none);
  fs::permissions(folder.path(), fs::perms::owner_read | fs::perms::owner_exec);
  const uid_t user = geteuid();
  const uid_t nobody = user == 0 ? 65534 : user;  // root may write anywhere
  ASSERT_EQ(seteuid(nobody), 0);
  EXPECT_THAT(refusal([&] { write_file(folder.file("b"), "x"); }), HasSubstr(folder.file("b") + ": Permission denied"));
  EXPECT_THAT(refusal([&] { read_file(folder.file("a")); }), HasSubstr(folder.file("a") + ": Permission denied"));
  EXPECT_THAT(refusal([&] { write_directory(folder.file("d"), [](const std::string&) {}); }),
              HasSubstr(folder.file("d") + ": Permission denied"));
  ASSERT_EQ(seteuid(user), 0);
  fs::permissions(folder.path(), fs::perms::owner_all);
}

TEST(WriteFile, FollowsALink) {
  const TemporaryFolder folder;
  fs::create_directory(folder.file("d"));
  write_file(folder.file("d/a"), "old");
  fs::create_symlink("d/a", folder.file("link"));
  write_file(folder.file("link"), "new");
  EXPECT_TRUE(fs::is_symlink(folder.file("link")));
  EXPECT_EQ(read_file(folder.file("d/a")), "new");
}

TEST(WriteFile, UsesWhatAKilledWriterLeftBehind) {
  const TemporaryFolder folder;
  std::ofstream(folder.file("a.tmp")) << "half of someth";
  write_file(folder.file("a"), "new");
  EXPECT_EQ(read_file(folder.file("a")), "new");
  EXPECT_EQ(listing(folder.path()), std::vector<std::string>{"a"});
}

TEST(WriteFile, LeavesOneWholeContentWhenManyWriteAtOnce) {
  const TemporaryFolder folder;
  std::vector<std::thread> writers;
  for (int w = 0; w < 8; ++w)
    writers.emplace_back([&, w] {
      for (int i = 0; i < 20; ++i)
        write_file(folder.file("a"), std::string(10000 + 1000 * w, static_cast<char>('a' + w)));
    });
  for (std::thread& writer : writers) writer.join();
  const std::string bytes = read_file(folder.file("a"));
  EXPECT_EQ(bytes, std::string(10000 + 1000 * (bytes[0] - 'a'), bytes[0]));
  EXPECT_EQ(listing(folder.path()), std::vector<std::string>{"a"});
}

TEST(WriteDirectory, ReplacesTheWholeFolderAtOnce) {
  const TemporaryFolder folder;
  const std::string state = folder.file("state");
  write_directory(state, [](const std::string& d) { write_file(d + "/old", "1"); });
  fs::create_directories(state + ".tmp/left");  // by a killed writer
  write_directory(state + "/", [&](const std::string& d) {
    EXPECT_EQ(read_file(state + "/old"), "1");
    write_file(d + "/new", "2");
  });
  EXPECT_EQ(listing(state), std::vector<std::string>{"new"});
  EXPECT_EQ(listing(folder.path()), std::vector<std::string>{"state"});
}

TEST(WriteDirectory, LeavesTheOldFolderWhenFillingFails) {
  const TemporaryFolder folder;
  const std::string state = folder.file("state");
  write_directory(state, [](const std::string& d) { write_file(d + "/old", "1"); });
  EXPECT_EQ(refusal([&] {
              write_directory(state, [](const std::string& d) {
                write_file(d + "/new", "2");
                fail("disk full");
              });
            }),
            "disk full");
  EXPECT_EQ(listing(state), std::vector<std::string>{"old"});
  EXPECT_EQ(listing(folder.path()), std::vector<std::string>{"state"});
  EXPECT_THAT(refusal([&] { write_directory(folder.file("no/state"), [](const std::string&) {}); }),
              HasSubstr("cannot write " + folder.file("no/state")));
}

TEST(Gunzip, InflatesJoinedMembers) {
  EXPECT_EQ(gunzip(gzip("hello ") + gzip("world"), "f"), "hello world");
  EXPECT_EQ(gunzip(gzip(""), "f"), "");
  const std::string large(3'000'000, 'x');
  EXPECT_EQ(gunzip(gzip(large), "f"), large);
}

TEST(Gunzip, RefusesEveryTruncation) {
  const std::string bytes = gzip("some text that is compressed, some text that is compressed");
  for (size_t n = 0; n < bytes.size(); ++n)
    EXPECT_THAT(refusal([&] { gunzip(bytes.substr(0, n), "f.gz"); }), HasSubstr("f.gz")) << n;
}

TEST(Gunzip, RefusesDamageAndBombs) {
  std::string bytes = gzip("some text that is compressed");
  bytes[bytes.size() - 6] ^= 1;  // in the checksum
  EXPECT_THAT(refusal([&] { gunzip(bytes, "f.gz"); }), HasSubstr("damaged gzip data"));
  EXPECT_THAT(refusal([&] { gunzip(gzip("x") + "rubbish", "f.gz"); }), HasSubstr("damaged gzip data"));
  EXPECT_THAT(refusal([&] { gunzip(gzip(std::string(10'000'000, '0')), "f.gz", 1'000'000); }),
              HasSubstr("more than the 1000000 bytes"));
}

}  // namespace
}  // namespace obverse
