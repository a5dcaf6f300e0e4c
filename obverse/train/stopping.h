#pragma once

#include <utility>
#include <vector>

namespace obverse {

/// A trial's measurements, (kimg, value) in order.
using MeasuredCurve = std::vector<std::pair<double, double>>;

/// The median stopping rule (Golovin 2017, section 3.2): whether the best of a trial's measurements so far is worse
/// than the median, over completed trials, of the mean of theirs up to the same point. Never with fewer than three of
/// them.
bool hopeless(const MeasuredCurve& own, const std::vector<MeasuredCurve>& completed, bool higher_is_better);

}  // namespace obverse
