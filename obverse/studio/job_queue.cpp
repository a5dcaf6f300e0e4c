#include "obverse/studio/job_queue.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>

#include "obverse/core/error.h"
#include "obverse/studio/run_list.h"

extern char** environ;

namespace obverse {
namespace {

constexpr size_t kShownBytes = 4096;  // of what a job printed

double now() { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); }

// Starts a program with its output in a file; returns the process, or -1 with errno. Its signals are the default ones.
int spawn(const std::string& program, const std::vector<std::string>& words, const std::string& log) {
  std::vector<std::string> all = {program};
  all.insert(all.end(), words.begin(), words.end());
  std::vector<char*> arguments;
  for (std::string& word : all) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0644);
  posix_spawn_file_actions_adddup2(&files, STDOUT_FILENO, STDERR_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none, ours;
  sigemptyset(&none);
  sigemptyset(&ours);
  sigaddset(&ours, SIGINT);
  sigaddset(&ours, SIGTERM);
  sigaddset(&ours, SIGPIPE);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &ours);
  posix_spawnattr_setpgroup(&attributes, 0);  // a Ctrl-C in the studio's terminal reaches it through the queue alone
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  pid_t process = -1;
  const int error = posix_spawn(&process, program.c_str(), &files, &attributes, arguments.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  errno = error;
  return error == 0 ? process : -1;
}

// Waits until a process is over. Its number is not free for another one yet.
void wait_for(int process) {
  siginfo_t info;
  while (waitid(P_PID, static_cast<id_t>(process), &info, WEXITED | WNOWAIT) < 0 && errno == EINTR) {
  }
}

// The exit status of a process that is over, or -1 when a signal ended it.
int status_of(int process) {
  int status = 0;
  if (waitpid(process, &status, 0) < 0) return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace

JobQueue::JobQueue(std::string program, std::string folder)
    : program_(std::move(program)), folder_(std::move(folder)), worker_([this] { work(); }) {}

JobQueue::~JobQueue() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    closing_ = true;
    for (Job& j : jobs_) interrupt(j);
  }
  changed_.notify_all();
  worker_.join();
}

// Once: a second signal would end a training that is about to keep its checkpoint.
void JobQueue::interrupt(Job& j) {
  if (j.process > 0 && !j.asked_to_stop) kill(j.process, SIGINT);
  j.asked_to_stop = true;
}

JobQueue::Job& JobQueue::job(int64_t id) {
  for (Job& j : jobs_)
    if (j.id == id) return j;
  fail("there is no job {}", id);
}

int64_t JobQueue::add(const std::function<Work(const std::string& folder, int64_t id)>& make) {
  std::error_code error;
  std::filesystem::create_directories(folder_, error);
  if (error) fail("{}: cannot make the folder ({})", folder_, error.message());
  const std::lock_guard<std::mutex> lock(mutex_);
  Job j;
  for (j.id = 1;; ++j.id) {  // the first number that no queue has taken
    j.log = fmt::format("{}/job-{:04}.log", folder_, j.id);
    const int file = ::open(j.log.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (file >= 0) {
      ::close(file);
      break;
    }
    if (errno != EEXIST) fail("{}: cannot be written ({})", j.log, std::strerror(errno));
  }
  j.work = make(folder_, j.id);
  jobs_.push_back(j);
  changed_.notify_all();
  return j.id;
}

void JobQueue::stop(int64_t id) {
  const std::lock_guard<std::mutex> lock(mutex_);
  Job& j = job(id);
  if (j.state == State::waiting)
    j.state = State::stopped;
  else if (j.state == State::running)
    interrupt(j);
  else
    fail("job {} is over", id);
}

JobQueue::Job* JobQueue::next() {
  for (Job& job : jobs_)
    if (job.state == State::waiting) return &job;
  return nullptr;
}

void JobQueue::work() {
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return closing_ || next(); });
    if (closing_) return;
    Job* begun = next();
    const int64_t id = begun->id;
    const int process = begun->process = spawn(program_, begun->work.words, begun->log);
    if (process < 0) begun->reason = fmt::format("cannot start {} ({})", program_, std::strerror(errno));
    begun->state = State::running;
    begun->begun = now();
    lock.unlock();
    if (process > 0) wait_for(process);
    lock.lock();
    Job& over = job(id);  // the queue may have grown
    const int status = process > 0 ? status_of(process) : -1;
    over.process = -1;
    over.ended = now();
    over.state = over.asked_to_stop ? State::stopped : status == 0 ? State::done : State::failed;
  }
}

nlohmann::ordered_json JobQueue::list() {
  static const char* const names[] = {"waiting", "running", "done", "failed", "stopped"};
  const std::lock_guard<std::mutex> lock(mutex_);
  auto jobs = nlohmann::ordered_json::array();
  for (auto j = jobs_.rbegin(); j != jobs_.rend(); ++j)
    jobs.push_back({{"id", j->id},
                    {"title", j->work.title},
                    {"command", fmt::format("obverse {}", fmt::join(j->work.words, " "))},
                    {"state", names[static_cast<int>(j->state)]},
                    {"begun", j->begun},
                    {"ended", j->ended},
                    {"stopping", j->asked_to_stop},
                    {"printed", j->reason.empty() ? tail_of(j->log, kShownBytes) : j->reason}});
  return jobs;
}

}  // namespace obverse
