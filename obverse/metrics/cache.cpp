#include "obverse/metrics/cache.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "obverse/core/error.h"

namespace obverse {

static std::string cache_folder() {
  if (const char* cache = std::getenv("OBVERSE_CACHE"); cache && *cache) return std::string(cache) + "/features";
  if (const char* home = std::getenv("HOME"); home && *home) return std::string(home) + "/.cache/obverse/features";
  fail("no place to keep feature networks: set OBVERSE_CACHE to a folder");
}

std::string feature_cache() {
  const std::string folder = cache_folder();
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) fail("{}: {}: set OBVERSE_CACHE to a folder that can be written", folder, error.message());
  return folder;
}

CacheLock::CacheLock(const std::string& path)
    : file_(::open((path + ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644)) {
  if (file_ < 0) fail("{}.lock: {}: set OBVERSE_CACHE to a folder that can be written", path, std::strerror(errno));
  while (::flock(file_, LOCK_EX) != 0 && errno == EINTR) {
  }
}

CacheLock::~CacheLock() { ::close(file_); }

}  // namespace obverse
