#include "obverse/cli/interrupt.h"

#include <csignal>

namespace obverse {

static std::atomic<bool> flag = false;

extern "C" {
static void on_signal(int signal) {
  flag = true;
  std::signal(signal, SIG_DFL);
}
}

void catch_interrupts() {
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
  if (std::signal(SIGHUP, on_signal) == SIG_IGN) std::signal(SIGHUP, SIG_IGN);  // nohup
}

const std::atomic<bool>& interrupted() { return flag; }

}  // namespace obverse
