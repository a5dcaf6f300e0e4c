#include "obverse/layers/attention.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "obverse/core/autograd.h"
#include "obverse/layers/fused_node.h"
#include "obverse/layers/trace.h"

namespace obverse {
namespace {

/// Calls f(first query, how many) for slices whose weights take some 4 million numbers.
template <class F>
void each_slice(const at::Tensor& q, const at::Tensor& k, const F& f) {
  constexpr int64_t kNumbers = int64_t{1} << 22;
  const int64_t at_once = std::max<int64_t>(1, kNumbers / (q.size(0) * k.size(1)));
  for (int64_t i = 0; i < q.size(1); i += at_once) f(i, std::min(at_once, q.size(1) - i));
}

at::Tensor weights(const at::Tensor& q, const at::Tensor& k) { return at::softmax(at::bmm(q, k.transpose(1, 2)), 2); }

struct AttendNode : FusedNode {
  using FusedNode::FusedNode;
  // With P the weights and D the gradient of the output: dv = P^T D, dP = D v^T, dS = P (dP - sum of P dP), dq = dS k,
  // dk = dS^T q.
  Variables quick(const Variables& inputs, const Variables& given) override {
    const at::Tensor &q = inputs[0], &k = inputs[1], &v = inputs[2];
    const at::Tensor dq = at::empty_like(q), dk = at::zeros_like(k), dv = at::zeros_like(v);
    each_slice(q, k, [&](int64_t i, int64_t n) {
      const at::Tensor query = q.narrow(1, i, n), slope = given[0].narrow(1, i, n), p = weights(query, k);
      dv.add_(at::bmm(p.transpose(1, 2), slope));
      const at::Tensor dp = at::bmm(slope, v.transpose(1, 2));
      const at::Tensor ds = p * (dp - (p * dp).sum(2, /*keepdim=*/true));
      dq.narrow(1, i, n).copy_(at::bmm(ds, k));
      dk.add_(at::bmm(ds.transpose(1, 2), query));
    });
    return {dq, dk, dv};
  }
  Variables plain(const Variables& inputs) override { return {plain_attend(inputs[0], inputs[1], inputs[2])}; }
};

/// [N, C, H, W] -> [N, H W, C] float32.
at::Tensor positions(const at::Tensor& x) { return full_precision(x).flatten(2).transpose(1, 2).contiguous(); }

at::Tensor halved(const at::Tensor& x) { return std::min(x.size(2), x.size(3)) < 2 ? x : at::max_pool2d(x, 2); }

}  // namespace

at::Tensor plain_attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  return at::bmm(weights(q, k), v);
}

at::Tensor attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  const at::Tensor result = without_grad([&] {
    at::Tensor y = at::empty({q.size(0), q.size(1), v.size(2)}, q.options());
    each_slice(q, k, [&](int64_t i, int64_t n) { y.narrow(1, i, n).copy_(plain_attend(q.narrow(1, i, n), k, v)); });
    return y;
  });
  record<AttendNode>({q, k, v}, {result});
  return result;
}

SelfAttention::SelfAttention(int64_t channels, Rng& rng, bool spectral_norm) {
  const int64_t narrow = std::max<int64_t>(1, channels / 8), wide = std::max<int64_t>(1, channels / 2);
  const auto one_by_one = [&](const char* name, int64_t inputs, int64_t outputs) {
    const ConvOptions options{{false, Init::he(1), spectral_norm}, 1, 1, 0, 1};
    return child(name, std::make_shared<Conv2d>(inputs, outputs, rng, options));
  };
  theta_ = one_by_one("theta", channels, narrow);
  phi_ = one_by_one("phi", channels, narrow);
  g_ = one_by_one("g", channels, wide);
  out_ = one_by_one("out", wide, channels);
  parameter("gamma", gamma_, at::zeros({}));
}

at::Tensor SelfAttention::forward(const at::Tensor& x) {
  const at::Tensor q = positions(theta_->forward(x)), k = positions(halved(phi_->forward(x)));
  const at::Tensor v = positions(halved(g_->forward(x))), seen = attend(q, k, v);  // [N, H W, C / 2]
  Trace::report(gamma_, x, 2.0 * static_cast<double>(q.numel() * k.size(1) + seen.numel() * k.size(1)));
  const at::Tensor image = seen.transpose(1, 2).reshape({x.size(0), -1, x.size(2), x.size(3)});
  const at::Tensor more = out_->forward(image.contiguous(placement().memory_format));
  return x + gamma_.to(more.scalar_type()) * more;
}

}  // namespace obverse
