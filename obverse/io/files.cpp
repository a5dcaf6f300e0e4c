#include "obverse/io/files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "obverse/core/error.h"

namespace obverse {
namespace {

namespace fs = std::filesystem;

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int operator*() const { return fd_; }
  bool close() { return ::close(std::exchange(fd_, -1)) == 0; }

 private:
  int fd_;
};

[[noreturn]] void fail_errno(const char* action, const std::string& path, int error = errno) {
  fail("cannot {} {}: {}", action, path, std::generic_category().message(error));
}

void write_all(int fd, const std::string& bytes, const std::string& path) {
  for (size_t done = 0; done < bytes.size();) {
    const ssize_t n = ::write(fd, bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail_errno("write", path);
    done += static_cast<size_t>(n);
  }
}

// Flushes a file or folder to the disk. Devices and some network file systems cannot (EINVAL): nothing to flush there.
void flush(int fd, const std::string& path) {
  if (::fsync(fd) != 0 && errno != EINVAL) fail_errno("write", path);
}

void flush_path(const std::string& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (*file < 0) fail_errno("open", path);
  flush(*file, path);
}

std::string parent_of(const std::string& path) {
  const std::string parent = fs::path(path).parent_path().string();
  return parent.empty() ? "." : parent;
}

bool same_file(int fd, const std::string& path) {
  struct stat here, there;
  return ::fstat(fd, &here) == 0 && ::stat(path.c_str(), &there) == 0 && here.st_ino == there.st_ino &&
         here.st_dev == there.st_dev;
}

// Opens the temporary file of `path`, locked: writers of one path wait for each other, and what a killed one left
// behind is used again. The lock may have been waited for while another writer renamed the file away: then try again.
Descriptor open_temporary(const std::string& temporary, const std::string& path) {
  for (;;) {
    Descriptor file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666));
    if (*file < 0) fail_errno("write", path);
    while (::flock(*file, LOCK_EX) != 0 && errno == EINTR) {
    }
    if (!same_file(*file, temporary)) continue;
    if (::ftruncate(*file, 0) != 0) fail_errno("write", path);
    return file;
  }
}

void write_in_place(const std::string& path, const std::string& bytes) {
  Descriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (*file < 0) fail_errno("write", path);
  write_all(*file, bytes, path);
  if (!file.close()) fail_errno("write", path);
}

// Puts `temporary` in the place of the folder `path`: at once where the kernel can exchange names.
void replace_directory(const std::string& temporary, const std::string& path) {
  if (::renameat2(AT_FDCWD, temporary.c_str(), AT_FDCWD, path.c_str(), RENAME_EXCHANGE) == 0) {
    fs::remove_all(temporary);
    return;
  }
  if (errno != ENOENT && errno != EINVAL && errno != ENOSYS) fail_errno("write", path);
  const std::string old = path + ".old";
  fs::remove_all(old);
  if (fs::exists(path)) fs::rename(path, old);
  fs::rename(temporary, path);
  fs::remove_all(old);
}

Descriptor open_to_read(const std::string& path, struct stat& info) {
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (*file < 0 || ::fstat(*file, &info) != 0) fail_errno("read", path);
  if (S_ISDIR(info.st_mode)) fail("cannot read {}: it is a folder, not a file", path);
  return file;
}

}  // namespace

std::string read_file(const std::string& path, uint64_t max_bytes) {
  struct stat info;
  const Descriptor file = open_to_read(path, info);
  if (info.st_size > 0 && static_cast<uint64_t>(info.st_size) > max_bytes)
    fail("cannot read {}: {} bytes, at most {} are allowed", path, info.st_size, max_bytes);
  std::string bytes;
  constexpr size_t kChunk = size_t{1} << 16;
  bytes.resize(S_ISREG(info.st_mode) ? static_cast<size_t>(info.st_size) + 1 : kChunk);
  for (size_t done = 0;;) {
    const ssize_t n = ::read(*file, &bytes[done], bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail_errno("read", path);
    done += static_cast<size_t>(n);
    if (done > max_bytes) fail("cannot read {}: more than the {} bytes allowed", path, max_bytes);
    if (n == 0) return bytes.resize(done), bytes;
    if (done == bytes.size()) bytes.resize(done + std::max(kChunk, done / 2));
  }
}

std::string read_file_start(const std::string& path, size_t count) {
  struct stat info;
  const Descriptor file = open_to_read(path, info);
  std::string bytes(count, '\0');
  size_t done = 0;
  for (ssize_t n = 1; n > 0 && done < count; done += static_cast<size_t>(std::max<ssize_t>(n, 0))) {
    n = ::read(*file, &bytes[done], count - done);
    if (n < 0 && errno != EINTR) fail_errno("read", path);
    if (n < 0) n = 1, --done;  // interrupted: once more
  }
  return bytes.resize(done), bytes;
}

void write_file(const std::string& path, const std::string& bytes) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (fs::is_directory(status)) fail("cannot write {}: it is a folder", path);
  if (fs::exists(status) && !fs::is_regular_file(status)) return write_in_place(path, bytes);  // a device or a pipe
  const std::string target = fs::is_symlink(path, error) ? fs::weakly_canonical(path, error).string() : path;
  const std::string temporary = target + ".tmp";
  Descriptor file = open_temporary(temporary, path);
  try {
    write_all(*file, bytes, path);
    flush(*file, path);
    if (::rename(temporary.c_str(), target.c_str()) != 0) fail_errno("write", path);
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
  if (!file.close()) fail_errno("write", path);
  flush_path(parent_of(target));
}

void write_directory(const std::string& path, const std::function<void(const std::string& directory)>& fill) {
  const std::string target = fs::path(path).filename().empty() ? parent_of(path) : path;  // "a/b/" is "a/b"
  const std::string temporary = target + ".tmp";
  try {
    fs::remove_all(temporary);
    fs::create_directory(temporary);
    fill(temporary);
    for (const auto& entry : fs::recursive_directory_iterator(temporary))
      if (entry.is_regular_file() || entry.is_directory()) flush_path(entry.path().string());
    flush_path(temporary);
    replace_directory(temporary, target);
    flush_path(parent_of(target));
  } catch (const fs::filesystem_error& e) {
    std::error_code ignored;
    fs::remove_all(temporary, ignored);
    fail_errno("write", path, e.code().value());
  } catch (...) {
    std::error_code ignored;
    fs::remove_all(temporary, ignored);
    throw;
  }
}

}  // namespace obverse
