#pragma once

#include <fmt/core.h>

#include <stdexcept>
#include <string>

namespace obverse {

/// A mistake of the user's: one line that says what is wrong, where, and what to do. Ends the program with status 2.
class UserError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Throws UserError with a message formatted as by fmt.
template <class... Args>
[[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) {
  throw UserError(fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace obverse
