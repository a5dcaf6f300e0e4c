#pragma once

#include "obverse/metrics/evaluate.h"

namespace obverse {

// The rows' `measure` functions: each turns a comparison into values with their intervals.
Measured measure_fid(const Comparison& c);
Measured measure_fid_infinity(const Comparison& c);
Measured measure_kid(const Comparison& c);
Measured measure_mmd(const Comparison& c);
Measured measure_swd(const Comparison& c);
Measured measure_is(const Comparison& c);
Measured measure_pr(const Comparison& c);
Measured measure_dc(const Comparison& c);
Measured measure_ndb(const Comparison& c);
Measured measure_c2st(const Comparison& c);
Measured measure_classes(const Comparison& c);
Measured measure_intra(const Comparison& c);
Measured measure_modes(const Comparison& c);
Measured measure_copies(const Comparison& c);
Measured measure_ct(const Comparison& c);
Measured measure_ppl(const Comparison& c);

// What they share.

inline constexpr double kNormal = 1.959964;  // two-sided 95 % of the normal distribution

/// A value without an interval.
Value plain(std::string label, double value, bool higher_is_better);

/// A share of n with Wilson's interval (1927).
Value share(std::string label, double p, int64_t n);

/// A value with 1.96 standard errors on each side.
Value normal(std::string label, double value, double error, const std::string& how, bool higher_is_better);

/// The Fréchet distance to features [N, F], with a jackknife interval when it is wanted and there are enough.
Value fid_value(const Moments& real, const at::Tensor& factor, const at::Tensor& fake, bool interval);

/// As many real samples as generated ones, or all there are: [n, F].
at::Tensor real_sample(const Comparison& c);

}  // namespace obverse
