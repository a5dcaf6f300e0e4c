#pragma once

#include <atomic>

namespace obverse {

/// From here on the first Ctrl-C (or SIGTERM, or SIGHUP where it is not ignored) only sets `interrupted`, so that work can stop in good order; the second
/// one ends the program.
void catch_interrupts();
const std::atomic<bool>& interrupted();

}  // namespace obverse
