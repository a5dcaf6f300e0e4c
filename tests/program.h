#pragma once

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

extern char** environ;

namespace obverse::testing {

inline std::string slurp(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

/// The program under test as a child process, its output going to files.
class Program {
 public:
  /// words: arguments after the program's name; log: stem of the files that get its output.
  Program(const std::vector<std::string>& words, const std::string& log) : log_(log) {
    std::vector<std::string> all = {OBVERSE_PROGRAM};
    all.insert(all.end(), words.begin(), words.end());
    std::vector<char*> argv;
    for (std::string& word : all) argv.push_back(word.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, (log + ".out").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    posix_spawn_file_actions_addopen(&actions, 2, (log + ".err").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (posix_spawn(&pid_, OBVERSE_PROGRAM, &actions, nullptr, argv.data(), environ) != 0) pid_ = -1;
    posix_spawn_file_actions_destroy(&actions);
  }
  ~Program() {
    if (running()) kill(SIGKILL), wait();
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  bool running() {
    if (pid_ > 0 && status_ < 0 && waitpid(pid_, &raw_, WNOHANG) == pid_) status_ = decode();
    return pid_ > 0 && status_ < 0;
  }
  void kill(int signal) { ::kill(pid_, signal); }
  /// Exit status, or 128 + the signal that ended it.
  int wait() {
    if (status_ < 0 && pid_ > 0 && waitpid(pid_, &raw_, 0) == pid_) status_ = decode();
    return status_;
  }
  std::string out() const { return slurp(log_ + ".out"); }
  std::string err() const { return slurp(log_ + ".err"); }

 private:
  int decode() const { return WIFEXITED(raw_) ? WEXITSTATUS(raw_) : 128 + WTERMSIG(raw_); }
  std::string log_;
  pid_t pid_ = -1;
  int raw_ = 0, status_ = -1;
};

}  // namespace obverse::testing
