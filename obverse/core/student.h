#pragma once

namespace obverse {

/// Two-sided p-value of |t| under Student's distribution; `degrees` of freedom may be fractional or infinite.
double student_p_value(double t, double degrees);

/// The t whose two-sided p-value is `p`, 0 < p < 1.
double student_quantile(double p, double degrees);

}  // namespace obverse
