#pragma once

#include <memory>
#include <string>

namespace obverse {

struct StudioOptions {
  std::string runs = "runs";       // folder of runs
  std::string recipes;             // folder of recipes to begin from
  std::string host = "127.0.0.1";  // address to answer at
  int port = 8228;                 // 0: any that is free
  std::string program;             // `obverse` itself, for jobs
};

/// A server of pages over a folder of runs: what they are doing, their reports, their models to play with (samples,
/// codes, inversion, directions), recipes as forms, and jobs. The pages are web/; they ask under /api/, in JSON.
///
/// It answers whoever reaches its address, and can start trainings: by default that is this machine alone, and requests
/// that other sites' pages send there are refused.
class Studio {
 public:
  explicit Studio(StudioOptions options);
  ~Studio();  // interrupts its job, and waits for it

  /// Takes the address; returns the port. Throws UserError when it is taken.
  int bind();
  /// Answers until `stop` is called, from another thread.
  void serve();
  void stop();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace obverse
