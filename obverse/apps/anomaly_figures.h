#pragma once

#include <string>

#include "obverse/apps/anomaly.h"
#include "obverse/apps/anomaly_data.h"

namespace obverse {

/// Images whose score has a map become heat maps: the image in grey, red where it looks strange; `scale` is the map's
/// value that is wholly red. x: [N, C, H, W] in [-1, 1], map: [N, H, W]; returns uint8 [N, 3, H, W].
at::Tensor heat_images(const at::Tensor& x, const at::Tensor& map, double scale);

/// Of images: strangest.png and plainest.png, 16 each, above their heat maps where the score has any; maps/ with a heat
/// map of each file that raised an alarm, 256 at most. Of anything: nothing.
void write_anomaly_figures(const std::string& folder, const ScoredData& data, const AnomalyScores& scores,
                           const Detector& detector);

}  // namespace obverse
