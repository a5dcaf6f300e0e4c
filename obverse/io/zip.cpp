#include "obverse/io/zip.h"

#include <zip.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <stdexcept>

#include "obverse/core/error.h"
#include "obverse/io/files.h"

namespace obverse {
namespace {

constexpr uint64_t kMaxMember = uint64_t{1} << 34;
constexpr uint64_t kMaxRatio = 2000;  // deflate reaches 1032

zip_t* handle(void* archive) { return static_cast<zip_t*>(archive); }

struct SourceFree {
  void operator()(zip_source_t* source) const { zip_source_free(source); }
};
struct ArchiveDiscard {
  void operator()(zip_t* archive) const { zip_discard(archive); }
};

void add_member(zip_t* archive, const std::string& name, const std::string& bytes, const std::string& path) {
  zip_source_t* member = zip_source_buffer(archive, bytes.data(), bytes.size(), 0);
  const zip_int64_t index = member ? zip_file_add(archive, name.c_str(), member, ZIP_FL_ENC_UTF_8) : -1;
  if (index < 0) {
    zip_source_free(member);
    fail("cannot write {}: member '{}': {}", path, name, zip_strerror(archive));
  }
  zip_set_file_compression(archive, static_cast<zip_uint64_t>(index), ZIP_CM_STORE, 0);
  zip_file_set_dostime(archive, static_cast<zip_uint64_t>(index), 0, (1 << 5) | 1, 0);  // 1980: same input, same bytes
}

std::string source_bytes(zip_source_t* source) {
  zip_stat_t info;
  if (zip_source_open(source) != 0 || zip_source_stat(source, &info) != 0)
    throw std::logic_error("cannot read back a zip archive from memory");
  std::string bytes(info.size, '\0');
  const zip_int64_t n = zip_source_read(source, bytes.data(), bytes.size());
  zip_source_close(source);
  if (n != static_cast<zip_int64_t>(bytes.size())) throw std::logic_error("a zip archive in memory is cut short");
  return bytes;
}

}  // namespace

ZipReader::ZipReader(const std::string& path) : path_(path) {
  int error = 0;
  archive_ = zip_open(path.c_str(), ZIP_RDONLY, &error);
  if (!archive_) {
    zip_error_t details;
    zip_error_init_with_code(&details, error);
    const std::string cause = zip_error_strerror(&details);
    zip_error_fini(&details);
    fail("cannot read {}: {}", path, cause);
  }
  const zip_int64_t count = zip_get_num_entries(handle(archive_), 0);
  for (zip_int64_t i = 0; i < count; ++i) {
    const char* name = zip_get_name(handle(archive_), static_cast<zip_uint64_t>(i), 0);
    if (name && *name && name[std::char_traits<char>::length(name) - 1] != '/') names_.emplace_back(name);
  }
}

ZipReader::~ZipReader() {
  if (archive_) zip_discard(handle(archive_));
}

std::string ZipReader::read(const std::string& name) const {
  zip_stat_t info;
  if (zip_stat(handle(archive_), name.c_str(), 0, &info) != 0) fail("{}: no member '{}'", path_, name);
  if (info.size > kMaxMember ||
      info.size / kMaxRatio > std::min<uint64_t>(info.comp_size, std::filesystem::file_size(path_)))
    fail("{}: member '{}' claims to inflate to {} bytes: refused", path_, name, info.size);
  const std::unique_ptr<zip_file_t, int (*)(zip_file_t*)> file(zip_fopen(handle(archive_), name.c_str(), 0),
                                                               zip_fclose);
  if (!file) fail("{}: member '{}' cannot be read: {}", path_, name, zip_strerror(handle(archive_)));
  std::string bytes(info.size + 1, '\0');  // one more: reading up to the end makes libzip check the sum
  zip_int64_t done = 0, n = 0;
  while ((n = zip_fread(file.get(), &bytes[static_cast<size_t>(done)], bytes.size() - static_cast<size_t>(done))) > 0) {
    done += n;
    if (done == static_cast<zip_int64_t>(bytes.size())) break;
  }
  if (n < 0 || done != static_cast<zip_int64_t>(info.size))
    fail("{}: member '{}' is damaged or cut short", path_, name);
  bytes.pop_back();
  return bytes;
}

void write_zip(const std::string& path, const std::vector<std::pair<std::string, std::string>>& members) {
  if (members.empty()) return write_file(path, "PK\5\6" + std::string(18, '\0'));  // libzip would write nothing
  zip_error_t error;
  zip_error_init(&error);
  const std::unique_ptr<zip_source_t, SourceFree> source(zip_source_buffer_create(nullptr, 0, 0, &error));
  if (!source) throw std::bad_alloc();
  zip_source_keep(source.get());  // one for the archive, one for reading it back
  std::unique_ptr<zip_t, ArchiveDiscard> archive(zip_open_from_source(source.get(), ZIP_TRUNCATE, &error));
  if (!archive) throw std::bad_alloc();
  for (const auto& [name, bytes] : members) add_member(archive.get(), name, bytes, path);
  if (zip_close(archive.get()) != 0) fail("cannot write {}: {}", path, zip_strerror(archive.get()));
  archive.release();
  write_file(path, source_bytes(source.get()));
}

}  // namespace obverse
