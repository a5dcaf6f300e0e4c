#pragma once

#include <gtest/gtest.h>

#include <string>

#include "obverse/core/error.h"

namespace obverse::testing {

/// The message with which `action` is refused as a mistake of the user's; a failure, and empty, when it is not.
template <class Action>
std::string refusal(Action&& action) {
  try {
    action();
  } catch (const UserError& error) {
    return error.what();
  }
  ADD_FAILURE() << "was not refused";
  return {};
}

}  // namespace obverse::testing
