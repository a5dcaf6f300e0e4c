#include "obverse/layers/dense_stack.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>

#include "obverse/core/autograd.h"
#include "obverse/layers/dense_kernels.h"
#include "obverse/layers/fourier_features.h"
#include "obverse/layers/fused_node.h"

namespace obverse {
namespace {

// x, then a weight and a bias a layer: what gradients are taken of.
Variables variables(const DenseStack& stack, const at::Tensor& x) {
  Variables result = {x};
  for (size_t l = 0; l < stack.weights.size(); ++l)
    result.push_back(stack.weights[l]), result.push_back(stack.biases[l]);
  return result;
}

DenseStack stack_of(const Variables& vars, const at::Tensor& frequencies, double negative_slope) {
  DenseStack stack{frequencies, {}, {}, negative_slope};
  for (size_t i = 1; i + 1 < vars.size(); i += 2) stack.weights.push_back(vars[i]), stack.biases.push_back(vars[i + 1]);
  return stack;
}

// A matrix for each of `widths`, in one allocation.
struct Matrices {
  at::Tensor memory;
  std::vector<float*> data;
  Matrices(int64_t rows, const std::vector<int64_t>& widths) {
    int64_t total = 0;
    for (const int64_t width : widths) total += rows * width;
    *this = Matrices(at::empty({total}), rows, widths);
  }
  Matrices(at::Tensor all, int64_t rows, const std::vector<int64_t>& widths) : memory(std::move(all)) {
    float* next = memory.data_ptr<float>();
    for (const int64_t width : widths) data.push_back(next), next += rows * width;
  }
};

// One evaluation of a stack: its shape, and rows shared out between threads.
struct Evaluation {
  DenseShape shape;
  DenseArrays arrays;
  std::vector<int64_t> inner;  // widths of the activities
  int64_t parts;

  Evaluation(const DenseStack& stack, const at::Tensor& x) {
    shape.rows = x.size(0);
    shape.inputs = x.size(1);
    shape.waves = stack.frequencies.defined() ? stack.frequencies.size(1) : 0;
    shape.negative_slope = static_cast<float>(stack.negative_slope);
    for (size_t l = 0; l < stack.weights.size(); ++l) {
      inner.push_back(stack.weights[l].size(1));
      arrays.weights.push_back(stack.weights[l].data_ptr<float>());
      arrays.biases.push_back(stack.biases[l].data_ptr<float>());
    }
    shape.widths = inner;
    shape.widths.push_back(stack.weights.back().size(0));
    arrays.x = x.data_ptr<float>();
    if (shape.waves > 0) arrays.frequencies = stack.frequencies.data_ptr<float>();
    constexpr int64_t kLeastRows = 16;
    parts = std::max<int64_t>(1, std::min<int64_t>(at::get_num_threads(), shape.rows / kLeastRows));
  }

  Matrices place_activities(const at::Tensor& kept = {}) {
    Matrices result = kept.defined() ? Matrices(kept, shape.rows, inner) : Matrices(shape.rows, inner);
    arrays.activities = result.data;
    if (shape.waves == 0) arrays.activities[0] = const_cast<float*>(arrays.x);
    return result;
  }

  template <class F>
  void share(const F& f) const {  // f(part, begin, end)
    at::parallel_for(0, parts, 1, [&](int64_t first, int64_t last) {
      for (int64_t p = first; p < last; ++p) f(p, shape.rows * p / parts, shape.rows * (p + 1) / parts);
    });
  }

  // Calls f(gradients, begin, end) for each part and returns the parts' sum, a tensor a weight and bias in turn.
  template <class F>
  Variables sum_of_parts(const F& f) const {
    Variables sums;
    std::vector<int64_t> sizes;
    int64_t total = 0;
    for (int64_t l = 0; l < shape.layers(); ++l) {
      sums.push_back(at::empty({shape.widths[l + 1], shape.widths[l]}));
      sums.push_back(at::empty({shape.widths[l + 1]}));
    }
    for (const at::Tensor& sum : sums) total += sum.numel();
    const at::Tensor others = parts > 1 ? at::empty({(parts - 1) * total}) : at::Tensor();
    std::vector<DenseGradients> gradients(parts);
    for (int64_t p = 0; p < parts; ++p) {
      float* next = p > 0 ? others.data_ptr<float>() + (p - 1) * total : nullptr;
      for (size_t i = 0; i < sums.size(); ++i) {
        float* place = p > 0 ? next : sums[i].data_ptr<float>();
        (i % 2 == 0 ? gradients[p].weights : gradients[p].biases).push_back(place);
        if (p > 0) next += sums[i].numel();
      }
    }
    share([&](int64_t p, int64_t begin, int64_t end) { f(gradients[p], begin, end); });
    for (int64_t p = 1; p < parts; ++p)
      for (size_t i = 0; i < sums.size(); ++i) {
        const auto& of = i % 2 == 0 ? gradients[p].weights : gradients[p].biases;
        const float* from = of[i / 2];
        float* to = sums[i].data_ptr<float>();
        for (int64_t j = 0, n = sums[i].numel(); j < n; ++j) to[j] += from[j];
      }
    return sums;
  }
};

std::pair<at::Tensor, at::Tensor> plain_with_gradient(const DenseStack& stack, const at::Tensor& x) {
  const at::Tensor point = x.requires_grad() ? x : x.detach().requires_grad_();
  const at::Tensor y = plain_dense_stack(stack, point);
  return {y, gradient(y, point, /*create_graph=*/true)};
}

// What both nodes below keep; their inputs are `variables`.
struct DenseNode : FusedNode {
  DenseNode(const Variables& vars, const DenseStack& of, at::Tensor kept, at::Tensor bent = {})
      : FusedNode(vars),
        frequencies(of.frequencies),
        activities(std::move(kept)),
        slopes(std::move(bent)),
        negative_slope(of.negative_slope) {}
  void release_variables() override {
    FusedNode::release_variables();
    activities.reset();
    slopes.reset();
  }
  DenseStack stack(const Variables& vars) const { return stack_of(vars, frequencies, negative_slope); }

  at::Tensor frequencies, activities, slopes;
  double negative_slope;
};

struct ValueNode : DenseNode {
  using DenseNode::DenseNode;
  Variables plain(const Variables& vars) override { return {plain_dense_stack(stack(vars), vars[0])}; }
  Variables quick(const Variables& vars, const Variables& given) override {
    Evaluation run(stack(vars), vars[0]);
    const Matrices kept = run.place_activities(activities);
    const Matrices scratch(run.shape.rows, run.inner);
    const at::Tensor output_gradient = given[0].contiguous();
    Variables result = {wanted(0) ? at::empty_like(vars[0]) : at::Tensor()};
    const auto part = [&](DenseGradients gradients, int64_t begin, int64_t end) {
      if (wanted(0)) gradients.x = result[0].data_ptr<float>();
      dense_backward(run.shape, run.arrays, output_gradient.data_ptr<float>(), scratch.data, gradients, begin, end);
    };
    if (!any_wanted(1)) {  // a frozen network
      run.share([&](int64_t, int64_t begin, int64_t end) { part({}, begin, end); });
      result.resize(vars.size());
    } else {
      for (at::Tensor& g : run.sum_of_parts(part)) result.push_back(std::move(g));
    }
    return result;
  }
};

struct GradientNode : DenseNode {
  using DenseNode::DenseNode;
  Variables plain(const Variables& vars) override {
    const auto [y, g] = plain_with_gradient(stack(vars), vars[0]);
    return {y, g};
  }
  Variables quick(const Variables& vars, const Variables& given) override {
    Evaluation run(stack(vars), vars[0]);
    const Matrices kept = run.place_activities(activities), bent(slopes, run.shape.rows, run.inner);
    const Matrices directions(run.shape.rows, run.inner);
    const at::Tensor s = given[0].defined() ? given[0].contiguous() : at::zeros({run.shape.rows, 1});
    const at::Tensor v = given[1].defined() ? given[1].contiguous() : at::zeros_like(vars[0]);
    Variables result = {at::Tensor()};
    for (at::Tensor& g : run.sum_of_parts([&](const DenseGradients&gradients, int64_t begin, int64_t end) {
           dense_backward_of_slope(run.shape, run.arrays, s.data_ptr<float>(), v.data_ptr<float>(), bent.data,
                                   directions.data, gradients, begin, end);
         }))
      result.push_back(std::move(g));
    return result;
  }
};

}  // namespace

at::Tensor plain_dense_stack(const DenseStack& stack, const at::Tensor& x) {
  at::Tensor h = stack.frequencies.defined() ? fourier_features(x, stack.frequencies) : x;
  for (size_t l = 0; l < stack.weights.size(); ++l) {
    h = at::linear(h, stack.weights[l], stack.biases[l]);
    if (l + 1 < stack.weights.size()) h = at::leaky_relu(h, stack.negative_slope);
  }
  return h;
}

at::Tensor dense_stack(const DenseStack& stack, const at::Tensor& x) {
  const Variables vars = variables(stack, x.contiguous());
  Evaluation run(stack, vars[0]);
  const Matrices kept = run.place_activities();
  const at::Tensor output = at::empty({run.shape.rows, run.shape.widths.back()});
  run.arrays.output = output.data_ptr<float>();
  run.share([&](int64_t, int64_t begin, int64_t end) { dense_forward(run.shape, run.arrays, begin, end); });
  record<ValueNode>(vars, {output}, stack, kept.memory);
  return output;
}

std::pair<at::Tensor, at::Tensor> dense_stack_with_gradient(const DenseStack& stack, const at::Tensor& x) {
  if (x.requires_grad()) return plain_with_gradient(stack, x);
  const Variables vars = variables(stack, x.contiguous());
  Evaluation run(stack, vars[0]);
  const Matrices kept = run.place_activities(), slopes(run.shape.rows, run.inner);
  const at::Tensor output = at::empty({run.shape.rows, 1}), of_x = at::empty_like(vars[0]);
  const at::Tensor ones = at::ones_like(output);
  run.arrays.output = output.data_ptr<float>();
  DenseGradients wanted;
  wanted.x = of_x.data_ptr<float>();
  run.share([&](int64_t, int64_t begin, int64_t end) {
    dense_forward(run.shape, run.arrays, begin, end);
    dense_backward(run.shape, run.arrays, ones.data_ptr<float>(), slopes.data, wanted, begin, end);
  });
  record<GradientNode>(vars, {output, of_x}, stack, kept.memory, slopes.memory);
  return {output, of_x};
}

}  // namespace obverse
