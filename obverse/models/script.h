#pragma once

#include <torch/script.h>

#include <string>
#include <unordered_map>
#include <vector>

namespace obverse {

/// A network of TorchScript (torch.jit.save), in evaluation mode, its weights frozen. Throws UserError when the file is
/// none. Every failure of the network's own names the file and the cause in one line.
class Script {
 public:
  using Arguments = std::unordered_map<std::string, c10::IValue>;

  explicit Script(const std::string& path);
  /// Inputs in order; `what` says in an error what they were. Throws UserError when it fails or gives no tensor.
  at::Tensor run(const std::vector<c10::IValue>& inputs, const Arguments& arguments, const std::string& what);

 private:
  std::string path_;
  torch::jit::Module module_;
};

}  // namespace obverse
