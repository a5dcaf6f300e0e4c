#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace obverse {

/// The runs of a folder, the newest first: name, about, game and data, kimg of how many, whether it is being trained
/// now and can go on, when it last changed (seconds since 1970), its newest figures and picture. Whatever is missing or
/// damaged is left out of it.
nlohmann::ordered_json list_runs(const std::string& folder);

/// The run called `name` under `folder`. Throws UserError when there is none.
std::string find_run(const std::string& folder, const std::string& name);

/// A picture of a run, "fakes000200.png": its bytes. Throws UserError when there is none of this name.
std::string run_picture(const std::string& run, const std::string& name);

/// The last lines of a text file, `bytes` of it at most; empty when there is none.
std::string tail_of(const std::string& path, size_t bytes);

}  // namespace obverse
