#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <nlohmann/json.hpp>

#include "obverse/core/error.h"
#include "obverse/data/check.h"
#include "obverse/io/image.h"
#include "obverse/io/zip.h"

namespace obverse {

// As StyleGAN's dataset tool names them: "00000/img00000012.png".
static std::string member_name(int64_t i) {
  const std::string digits = fmt::format("{:08}", i);
  return fmt::format("{}/img{}.png", digits.substr(0, 5), digits);
}

int64_t prepare_data(const DataOptions& options, const std::string& split, const std::string& out) {
  const Dataset data = load_dataset(options, split);
  if (data.domain.kind != Domain::Kind::image) fail("{}: points cannot be written as pictures", options.source);
  std::vector<std::pair<std::string, std::string>> members(static_cast<size_t>(data.size()));
  at::parallel_for(0, data.size(), 64, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      members[static_cast<size_t>(i)] = {member_name(i), encode_png(data.samples[i])};
  });
  nlohmann::json json = {{"labels", nullptr}};
  if (data.labels.defined()) {
    json["classes"] = data.domain.classes;  // ours; other tools read "labels" alone
    json["labels"] = nlohmann::json::array();
    for (int64_t i = 0; i < data.size(); ++i)
      json["labels"].push_back({member_name(i), data.labels.data_ptr<int64_t>()[i]});
  }
  members.emplace_back("dataset.json", json.dump());
  write_zip(out, members);
  return data.size();
}

}  // namespace obverse
