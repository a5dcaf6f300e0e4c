#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

namespace obverse {

/// Commands of `obverse`, each a process of its own, run one after another: a training uses all of the processor.
/// Numbers of jobs go on where earlier queues of the folder left off, and are never shared with another's.
class JobQueue {
 public:
  /// program: `obverse` itself; folder: for what jobs print, made when the first one comes.
  JobQueue(std::string program, std::string folder);
  /// Interrupts the job that runs, as Ctrl-C would (a training keeps a checkpoint), and waits for it.
  ~JobQueue();

  struct Work {
    std::string title;
    std::vector<std::string> words;  // the command and its arguments
  };
  /// make: gets the folder, which is there by then, and the job's number, for files that it needs. Returns the number,
  /// from 1.
  int64_t add(const std::function<Work(const std::string& folder, int64_t id)>& make);
  /// Interrupts the job, or takes it off the queue. Throws UserError when there is no such job, or it is over.
  void stop(int64_t id);
  /// Every job, the newest first: id, title, command, state (waiting, running, done, failed, stopped), begun, ended
  /// (seconds since 1970), the end of what it printed.
  nlohmann::ordered_json list();

 private:
  enum class State { waiting, running, done, failed, stopped };
  struct Job {
    int64_t id;
    Work work;
    std::string log, reason;  // where its output is; why it could not begin
    State state = State::waiting;
    bool asked_to_stop = false;
    int process = -1;
    double begun = 0, ended = 0;
  };
  void work();
  Job* next();
  Job& job(int64_t id);
  void interrupt(Job& job);

  std::string program_, folder_;
  std::vector<Job> jobs_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool closing_ = false;
  std::thread worker_;  // the last member: it uses the others
};

}  // namespace obverse
