#include "obverse/models/script.h"

#include "obverse/core/error.h"

namespace obverse {
namespace {

// The first line of the engine's error, which goes on with a stack.
std::string first_line(const std::string& text) {
  const std::string line = text.substr(0, text.find('\n'));
  return line.size() > 200 ? line.substr(0, 200) : line;
}

// Interpreted code fails with a stack of source lines; the cause is the last one.
std::string cause(const std::string& text) {
  const size_t mark = text.rfind("RuntimeError: ");
  return first_line(mark == std::string::npos ? text : text.substr(mark + 14));
}

}  // namespace

Script::Script(const std::string& path) : path_(path) {
  try {
    module_ = torch::jit::load(path, c10::kCPU);
  } catch (const c10::Error& e) {
    fail("{}: not a TorchScript network (torch.jit.save writes them): {}", path,
         first_line(e.what_without_backtrace()));
  }
  module_.eval();
  for (const at::Tensor& p : module_.parameters()) p.set_requires_grad(false);
}

at::Tensor Script::run(const std::vector<c10::IValue>& inputs, const Arguments& arguments, const std::string& what) {
  c10::IValue out;
  try {
    out = module_.forward(inputs, arguments);
  } catch (const std::exception& e) {  // the network's own failure: the engine throws several types
    fail("{}: fails on {}: {}", path_, what, cause(e.what()));
  }
  if (!out.isTensor()) fail("{}: returns something that is not one tensor", path_);
  return out.toTensor();
}

}  // namespace obverse
