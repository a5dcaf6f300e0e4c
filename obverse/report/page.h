#pragma once

#include <string>

namespace obverse {

/// The style sheet of the page: light and dark, from 320 pixels up.
const std::string& page_style();

/// What the page does when scripts run: snapshots behind a slider, values under the pointer. Without them everything is
/// still there to see.
const std::string& page_script();

/// The coin, as inline SVG.
const std::string& page_mark();

}  // namespace obverse
