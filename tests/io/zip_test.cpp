#include "obverse/io/zip.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zip.h>

#include "obverse/io/files.h"
#include "tests/io/refused.h"
#include "tests/temporary_folder.h"

namespace obverse {
namespace {

using ::obverse::testing::refusal;
using ::obverse::testing::TemporaryFolder;
using ::testing::HasSubstr;

TEST(Zip, GivesBackMembersInOrder) {
  const TemporaryFolder folder;
  write_zip(folder.file("a.zip"), {{"b/2.txt", "two"}, {"a.txt", ""}, {"caf\u00e9", std::string(100000, 'x')}});
  const ZipReader zip(folder.file("a.zip"));
  EXPECT_EQ(zip.names(), (std::vector<std::string>{"b/2.txt", "a.txt", "caf\u00e9"}));
  EXPECT_EQ(zip.read("b/2.txt"), "two");
  EXPECT_EQ(zip.read("a.txt"), "");
  EXPECT_EQ(zip.read("caf\u00e9"), std::string(100000, 'x'));
  EXPECT_THAT(refusal([&] { zip.read("c"); }), HasSubstr("no member 'c'"));
}

TEST(Zip, WritesTheSameBytesForTheSameMembers) {
  const TemporaryFolder folder;
  for (const char* name : {"a", "b"}) write_zip(folder.file(name), {{"x", "1"}, {"y", "2"}});
  EXPECT_EQ(read_file(folder.file("a")), read_file(folder.file("b")));
}

TEST(Zip, WritesAnEmptyArchive) {
  const TemporaryFolder folder;
  write_zip(folder.file("a.zip"), {});
  EXPECT_TRUE(ZipReader(folder.file("a.zip")).names().empty());
}

TEST(Zip, FindsADamagedMember) {
  const TemporaryFolder folder;
  write_zip(folder.file("a.zip"), {{"x", "some content"}});
  std::string bytes = read_file(folder.file("a.zip"));
  bytes[bytes.find("content")] ^= 1;
  write_file(folder.file("a.zip"), bytes);
  EXPECT_THAT(refusal([&] { ZipReader(folder.file("a.zip")).read("x"); }), HasSubstr("member 'x' is damaged"));
}

TEST(Zip, SaysThatAFileIsNoArchive) {
  const TemporaryFolder folder;
  write_file(folder.file("a.zip"), "not a zip, just text that is long enough to look at");
  EXPECT_THAT(refusal([&] { ZipReader zip(folder.file("a.zip")); }),
              HasSubstr(folder.file("a.zip") + ": Not a zip archive"));
  EXPECT_THAT(refusal([&] { ZipReader zip(folder.file("b.zip")); }), HasSubstr("No such file"));
}

TEST(Zip, RefusesAMemberThatClaimsToInflateWithoutEnd) {
  const TemporaryFolder folder;
  const std::string path = folder.file("a.zip");
  for (const bool packed_too : {false, true}) {  // 2 GiB of 4 bytes, or of as many packed bytes, which the file has not
    write_zip(path, {{"x", "1234"}});
    std::string bytes = read_file(path);
    const size_t central = bytes.rfind("PK\1\2");
    for (size_t i = 0; i < 4; ++i) {
      bytes[central + 24 + i] = i == 3 ? '\x7f' : '\xff';
      if (packed_too) bytes[central + 20 + i] = bytes[central + 24 + i];
    }
    write_file(path, bytes);
    EXPECT_THAT(refusal([&] { ZipReader(path).read("x"); }), HasSubstr("claims to inflate to 2147483647 bytes"));
  }
}

}  // namespace
}  // namespace obverse
