#pragma once

#include <string>

namespace obverse {

/// $OBVERSE_CACHE/features, or ~/.cache/obverse/features; made when it is not there. Throws UserError when neither is
/// known or it cannot be made.
std::string feature_cache();

/// Held while one process looks for a file of the cache and makes it, so that another waits and finds it. Released by
/// the system when the process ends, however it ends.
class CacheLock {
 public:
  explicit CacheLock(const std::string& path);
  ~CacheLock();
  CacheLock(const CacheLock&) = delete;
  CacheLock& operator=(const CacheLock&) = delete;

 private:
  int file_;
};

}  // namespace obverse
