#pragma once

#include <ATen/core/Tensor.h>

#include <deque>
#include <optional>
#include <vector>

namespace obverse {

/// How samples of fixed codes move while a game is played, from look to look. With d_t the steps between looks, their
/// autocorrelation c(k) = mean <d_t, d_t+k> / mean |d_t|^2 tells three motions apart: drift has c > 0 at every k;
/// jitter about a place c(1) = -1/2 and 0 beyond; an oscillation of period P goes on at first and back after P / 2,
/// c(1) > 0 and c(P / 2) < 0.
class Motion {
 public:
  struct Swing {
    double size = 0;    // root mean square distance from the mean place, over the spread of the samples themselves
    double period = 0;  // in looks; 0: no oscillation
  };

  /// samples [N, ...] of the same codes as ever. The motion of the last looks, once there are enough.
  std::optional<Swing> look(const at::Tensor& samples);

  /// Places kept, for checkpoints.
  const std::deque<std::vector<float>>& places() const { return places_; }
  void set_places(std::deque<std::vector<float>> places) { places_ = std::move(places); }

 private:
  std::deque<std::vector<float>> places_;  // random projections of the samples
};

}  // namespace obverse
