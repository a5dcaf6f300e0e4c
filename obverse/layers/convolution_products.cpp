#include "obverse/layers/convolution_products.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <array>
#include <map>
#include <unordered_map>
#include <vector>

#include "obverse/core/engine.h"
#include "obverse/core/onednn.h"
#include "obverse/layers/leaky.h"
#include "obverse/layers/tile_products.h"
#include "obverse/layers/version.h"

namespace obverse {
namespace {

using dnnl::memory;
using Dims = memory::dims;

memory::data_type type_of(const at::Tensor& t) {
  return t.scalar_type() == at::kBFloat16 ? memory::data_type::bf16 : memory::data_type::f32;
}

// What decides about a kernel.
enum Product { kForward, kInputSlope, kWeightSlope };
struct Shape {
  int64_t product, half, samples, inputs, height, width, outputs, kernel_height, kernel_width, out_height, out_width,
      stride, padding, groups, bias;
  double negative_slope = 1;
  bool operator<(const Shape& other) const {
    return std::pair(as_array(), negative_slope) < std::pair(other.as_array(), other.negative_slope);
  }
  std::array<int64_t, 15> as_array() const {
    return {product,      half,       samples,   inputs, height,  width,  outputs, kernel_height,
            kernel_width, out_height, out_width, stride, padding, groups, bias};
  }
};

Dims weight_dims(const Shape& s) {
  if (s.groups == 1) return {s.outputs, s.inputs, s.kernel_height, s.kernel_width};
  return {s.groups, s.outputs / s.groups, s.inputs / s.groups, s.kernel_height, s.kernel_width};
}

// `weight` [O, I / groups, k, k] as it lies.
memory::desc weight_layout(const at::Tensor& weight, const Shape& s) {
  Dims strides(weight.strides().begin(), weight.strides().end());
  if (s.groups > 1) strides.insert(strides.begin(), s.outputs / s.groups * weight.stride(0));
  return memory::desc(weight_dims(s), type_of(weight), strides);
}

struct Kernel {
  dnnl::primitive primitive;
  memory::desc x, weight, y;  // as the kernel wants them
};

Kernel make_kernel(const Shape& s) {
  const auto type = s.half ? memory::data_type::bf16 : memory::data_type::f32;
  const auto nhwc = memory::format_tag::nhwc;
  const memory::desc x({s.samples, s.inputs, s.height, s.width}, type, nhwc);
  const memory::desc y({s.samples, s.outputs, s.out_height, s.out_width}, type, nhwc);
  const memory::desc weight(weight_dims(s), type, memory::format_tag::any);
  const memory::desc weight_slope(weight_dims(s), memory::data_type::f32, memory::format_tag::any);
  const memory::desc bias =
      s.bias ? memory::desc({s.outputs}, memory::data_type::f32, memory::format_tag::x) : memory::desc();
  const Dims strides = {s.stride, s.stride}, padding = {s.padding, s.padding};
  // What the kernel and the stated size leave over lies on the far side.
  const Dims far = {(s.out_height - 1) * s.stride + s.kernel_height - s.height - s.padding,
                    (s.out_width - 1) * s.stride + s.kernel_width - s.width - s.padding};
  const auto direct = dnnl::algorithm::convolution_direct;
  const auto training = dnnl::prop_kind::forward_training;
  const auto finish =
      s.negative_slope == 1 ? dnnl::primitive_attr() : leaky_after(static_cast<float>(s.negative_slope));
  using Forward = dnnl::convolution_forward;
  const auto forward = describe<Forward>(finish, training, direct, x, weight, bias, y, strides, padding, far);
  if (s.product == kForward) return {Forward(forward), x, forward.weights_desc(), y};
  if (s.product == kInputSlope) {
    using OfInput = dnnl::convolution_backward_data;
    const auto of_x = describe_slope<OfInput>(forward, direct, x, weight, y, strides, padding, far);
    return {OfInput(of_x), x, of_x.weights_desc(), y};
  }
  using OfWeight = dnnl::convolution_backward_weights;
  const auto of_weight = describe_slope<OfWeight>(forward, direct, x, weight_slope, y, strides, padding, far);
  return {OfWeight(of_weight), x, of_weight.diff_weights_desc(), y};
}

const Kernel& kernel_for(const Shape& s) {
  static std::map<Shape, Kernel> kernels;
  const auto found = kernels.find(s);
  return found != kernels.end() ? found->second : kernels.emplace(s, make_kernel(s)).first->second;
}

Shape shape_of(Product product, const at::Tensor& x_or_slope, int64_t height, int64_t width, const at::Tensor& weight,
               const Strides& s, bool bias) {
  const int64_t kh = weight.size(2), kw = weight.size(3);
  return {product,
          x_or_slope.scalar_type() == at::kBFloat16,
          x_or_slope.size(0),
          weight.size(1) * s.groups,
          height,
          width,
          weight.size(0),
          kh,
          kw,
          (height + 2 * s.padding - kh) / s.stride + 1,
          (width + 2 * s.padding - kw) / s.stride + 1,
          s.stride,
          s.padding,
          s.groups,
          bias};
}

memory at_data(const memory::desc& layout, const at::Tensor& t) {
  return memory(layout, onednn_engine(), t.data_ptr());
}

// `weight` as the kernel wants it, from the copies when it has not changed since.
memory arranged(const at::Tensor& weight, const Shape& s, const memory::desc& wanted, WeightCopies* copies);

}  // namespace

struct WeightCopies::Copies {
  struct Copy {
    memory data;
    Version version = {};
  };
  std::vector<Copy> made;
  struct Tiles {
    std::vector<TileMatrix> matrices;
    Version version = {};
  };
  std::map<std::array<int64_t, 3>, Tiles> tiles;  // by product, stride and padding
  struct Derived {
    at::Tensor weight;
    std::shared_ptr<WeightCopies> copies = std::make_shared<WeightCopies>();
    Version version = {}, of_factor = {};
  };
  std::unique_ptr<Derived> derived[2];  // without a factor, and with one
};

WeightCopies::WeightCopies() : copies_(std::make_unique<Copies>()) {}
WeightCopies::~WeightCopies() = default;

std::pair<at::Tensor, std::shared_ptr<WeightCopies>> WeightCopies::derived(const at::Tensor& weight,
                                                                           const std::function<at::Tensor()>& make,
                                                                           const at::Tensor& factor) {
  auto& kept = copies_->derived[factor.defined()];
  if (!kept) kept = std::make_unique<Copies::Derived>();
  const bool same = kept->version.is(weight), same_factor = !factor.defined() || kept->of_factor.is(factor);
  if (!same || !same_factor) {
    c10::NoGradGuard off;
    if (kept->weight.defined())
      kept->weight.copy_(make());  // in its place: its own copies know it by that and by the number of its changes
    else
      kept->weight = make().clone();
  }
  return {kept->weight, kept->copies};
}

namespace {

void rearrange(const at::Tensor& weight, const Shape& s, memory& to) {
  // Of the kernel's type first: oneDNN changes type and order at once only slowly.
  const at::Tensor typed = weight.to(s.half ? at::kBFloat16 : at::kFloat);
  memory from = at_data(weight_layout(typed, s), typed);
  dnnl::reorder(from, to).execute(onednn_stream(), from, to);
}

memory arranged(const at::Tensor& weight, const Shape& s, const memory::desc& wanted, WeightCopies* copies) {
  if (!copies) {
    memory to(wanted, onednn_engine());
    rearrange(weight, s, to);
    return to;
  }
  auto& made = copies->copies().made;
  auto copy = std::find_if(made.begin(), made.end(), [&](const auto& c) { return c.data.get_desc() == wanted; });
  if (copy == made.end()) copy = made.insert(made.end(), {memory(wanted, onednn_engine())});
  if (!copy->version.is(weight)) rearrange(weight, s, copy->data);
  return copy->data;
}

at::Tensor channels_last(const at::Tensor& x) {  // in strides too, where one channel passes for either order
  if (x.stride(1) == 1 && x.is_contiguous(at::MemoryFormat::ChannelsLast)) return x;
  return x.permute({0, 2, 3, 1}).contiguous().permute({0, 3, 1, 2});
}

at::Tensor empty_image(int64_t n, int64_t c, int64_t h, int64_t w, const at::Tensor& like) {
  return at::empty({n, h, w, c}, like.options()).permute({0, 3, 1, 2});
}

// ---- The matrix units' way ----

// One matrix product, of which LibTorch's is faster than oneDNN's weight gradient.
bool pointwise(const Shape& s) {
  return s.kernel_height == 1 && s.kernel_width == 1 && s.stride == 1 && s.padding == 0 && s.groups == 1;
}

constexpr int64_t kWide = 8;  // from here on oneDNN's own kernel for the product is the faster one, but for groups

// So many groups, with zeros between them, make one of 32 channels or a multiple. 0: too many.
int64_t merged_groups(int64_t groups, int64_t inputs, int64_t outputs) {
  for (const int64_t m : {1, 2, 4})
    if (groups % m == 0 && m * inputs % 32 == 0 && m * outputs % 32 == 0) return m;
  return 0;
}
int64_t merged_groups(const Shape& s) { return merged_groups(s.groups, s.inputs / s.groups, s.outputs / s.groups); }

// Channels of a matrix product up to a multiple of 32: those beyond the given ones are zeros. Elsewhere oneDNN is
// faster.
bool to_fill(const Shape& s) { return pointwise(s) && s.out_width < kWide && std::min(s.inputs, s.outputs) >= 16; }
Shape filled(Shape s) {
  if (to_fill(s)) s.inputs = (s.inputs + 31) / 32 * 32, s.outputs = (s.outputs + 31) / 32 * 32;
  return s;
}
at::Tensor filled(const at::Tensor& x, int64_t channels) {
  const at::Tensor image = channels_last(x);
  if (image.size(1) == channels) return image;
  const at::Tensor result = at::zeros({x.size(0), x.size(2), x.size(3), channels}, x.options()).permute({0, 3, 1, 2});
  result.narrow(1, 0, x.size(1)).copy_(image);
  return result;
}
at::Tensor cut(const at::Tensor& x, int64_t channels) {
  return x.size(1) == channels ? x : channels_last(x.narrow(1, 0, channels));
}

bool by_tiles(const Shape& s) { return s.half && processor_has_tiles() && (to_fill(s) || merged_groups(s) > 0); }

// [O, I / groups, k, k] as it is with so many groups merged into one.
at::Tensor merged(const at::Tensor& weight, int64_t groups, int64_t m) {
  if (m == 1) return weight;
  const int64_t outputs = weight.size(0) / groups, inputs = weight.size(1), kh = weight.size(2), kw = weight.size(3);
  const at::Tensor result = at::zeros({groups / m, m, outputs, m, inputs, kh, kw}, weight.options());
  result.diagonal(0, 1, 3).copy_(weight.reshape({groups / m, m, outputs, inputs, kh, kw}).permute({0, 2, 3, 4, 5, 1}));
  return result.view({weight.size(0), m * inputs, kh, kw});
}
// Of the same, what was not zero: [O, kh, kw, m I] to [O, I, kh, kw].
at::Tensor parted(const at::Tensor& rows, int64_t groups, int64_t m) {
  if (m == 1) return rows.permute({0, 3, 1, 2});
  const int64_t outputs = rows.size(0) / groups, inputs = rows.size(3) / m, kh = rows.size(1), kw = rows.size(2);
  return rows.view({groups / m, m, outputs, kh, kw, m, inputs})
      .diagonal(0, 1, 5)  // [groups / m, outputs, kh, kw, inputs, m]
      .permute({0, 5, 1, 4, 2, 3})
      .reshape({rows.size(0), inputs, kh, kw});
}

ImageSize size_of(const at::Tensor& x) { return {x.size(0), x.size(2), x.size(3), x.size(1)}; }
Half* halves(const at::Tensor& x) { return static_cast<Half*>(x.data_ptr()); }

// Pixels of x that the kernel's taps touch, a row for each pixel of the output.
Gather windows(const at::Tensor& x, const Shape& shape) {
  Gather rows{
      halves(x), size_of(x), shape.out_height, shape.out_width, shape.stride, {}, shape.groups / merged_groups(shape)};
  for (int64_t y = 0; y < shape.kernel_height; ++y)
    for (int64_t z = 0; z < shape.kernel_width; ++z) rows.taps.push_back({y - shape.padding, z - shape.padding});
  return rows;
}

// Pixels of an input at (y, x) plus multiples of the stride see the same taps: those that land on an output.
struct Class {
  int64_t y, x;
  std::vector<Gather::Tap> taps;  // to the output's pixels
  std::vector<int64_t> weight_offsets;
};
std::vector<Class> classes_of(const Shape& shape, const at::Tensor& weight) {
  std::vector<Class> result;
  for (int64_t y = 0; y < shape.stride; ++y)
    for (int64_t x = 0; x < shape.stride; ++x) {
      Class c{y, x, {}, {}};
      for (int64_t i = 0; i < shape.kernel_height; ++i)
        for (int64_t j = 0; j < shape.kernel_width; ++j) {
          const int64_t down = y + shape.padding - i, right = x + shape.padding - j;
          if (down % shape.stride != 0 || right % shape.stride != 0) continue;
          c.taps.push_back({down / shape.stride, right / shape.stride});
          c.weight_offsets.push_back(i * weight.stride(2) + j * weight.stride(3));
        }
      result.push_back(std::move(c));
    }
  return result;
}

// As tiles: for the product one matrix, for the input's slope one a class of pixels.
void arrange(const at::Tensor& weight, const Shape& shape, std::vector<TileMatrix>& to) {
  const int64_t m = merged_groups(filled(shape)), groups = shape.groups / m;
  const at::Tensor full = merged(weight.to(at::kFloat), shape.groups, m).contiguous(at::MemoryFormat::ChannelsLast);
  const auto* const data = full.data_ptr<float>();
  const int64_t inputs = full.size(1), outputs = full.size(0) / groups;
  if (shape.product == kForward) {
    std::vector<int64_t> offsets;
    for (int64_t i = 0; i < shape.kernel_height; ++i)
      for (int64_t j = 0; j < shape.kernel_width; ++j) offsets.push_back(i * full.stride(2) + j * full.stride(3));
    to.resize(1);
    for (int64_t g = 0; g < groups; ++g)
      arrange_tiles({data + g * outputs * full.stride(0), offsets, inputs, 1, outputs, full.stride(0)}, to[0], g,
                    groups);
    return;
  }
  const std::vector<Class> classes = classes_of(shape, full);
  to.resize(classes.size());
  for (size_t i = 0; i < classes.size(); ++i)
    for (int64_t g = 0; g < groups; ++g)
      arrange_tiles(
          {data + g * outputs * full.stride(0), classes[i].weight_offsets, outputs, full.stride(0), inputs, 1}, to[i],
          g, groups);
}

const std::vector<TileMatrix>& arranged_tiles(const at::Tensor& weight, const Shape& shape, WeightCopies* copies,
                                              std::vector<TileMatrix>& own) {
  if (!copies) {
    arrange(weight, shape, own);
    return own;
  }
  auto& tiles = copies->copies().tiles[{shape.product, shape.stride, shape.padding}];
  if (!tiles.version.is(weight)) arrange(weight, shape, tiles.matrices);
  return tiles.matrices;
}

at::Tensor product_by_tiles(const at::Tensor& image, const at::Tensor& weight, const at::Tensor& bias,
                            const Shape& given, WeightCopies* copies) {
  std::vector<TileMatrix> own;
  const Shape shape = filled(given);
  const at::Tensor x = filled(image, shape.inputs);
  const at::Tensor y = empty_image(shape.samples, shape.outputs, shape.out_height, shape.out_width, x);
  at::Tensor full_bias;
  if (bias.defined()) full_bias = at::constant_pad_nd(bias, {0, shape.outputs - given.outputs});
  tile_products({{windows(x, shape),
                  arranged_tiles(weight, shape, copies, own)[0],
                  {halves(y), size_of(y), bias.defined() ? full_bias.data_ptr<float>() : nullptr,
                   static_cast<float>(shape.negative_slope)}}});
  return cut(y, given.outputs);
}

at::Tensor input_slope_by_tiles(const at::Tensor& given_slope, const at::Tensor& weight, const Finish& finish,
                                const Shape& given, WeightCopies* copies) {
  std::vector<TileMatrix> own;
  const Shape shape = filled(given);
  const at::Tensor slope = filled(given_slope, shape.outputs);
  const at::Tensor of_x = empty_image(shape.samples, shape.inputs, shape.height, shape.width, slope);
  const auto& matrices = arranged_tiles(weight, shape, copies, own);
  const std::vector<Class> classes = classes_of(shape, weight);
  at::Tensor full_bias;
  if (finish.bias.defined())
    full_bias = at::constant_pad_nd(finish.bias.to(at::kFloat), {0, shape.inputs - given.inputs}).contiguous();
  const float* const bias = full_bias.defined() ? full_bias.data_ptr<float>() : nullptr;
  const auto bend = static_cast<float>(finish.negative_slope);
  std::vector<TileProduct> products;
  for (size_t i = 0; i < classes.size(); ++i) {
    const Class& c = classes[i];
    const auto count = [&](int64_t size, int64_t first) { return (size - first + shape.stride - 1) / shape.stride; };
    const Gather rows{halves(slope),
                      size_of(slope),
                      count(shape.height, c.y),
                      count(shape.width, c.x),
                      1,
                      c.taps,
                      shape.groups / merged_groups(shape)};
    if (c.taps.empty())
      of_x.slice(2, c.y, shape.height, shape.stride).slice(3, c.x, shape.width, shape.stride).zero_();
    else if (rows.rows() > 0)
      products.push_back({rows, matrices[i], {halves(of_x), size_of(of_x), bias, bend, c.y, c.x, shape.stride}});
  }
  if (!products.empty()) tile_products(products);
  return cut(of_x, given.inputs);
}

at::Tensor weight_slope_by_tiles(const at::Tensor& given_slope, const at::Tensor& image, const Shape& given) {
  const Shape shape = filled(given);
  const at::Tensor slope = filled(given_slope, shape.outputs), x = filled(image, shape.inputs);
  const int64_t m = merged_groups(shape), inputs = m * (shape.inputs / shape.groups);
  const int64_t kept_inputs = given.groups > 1 ? inputs : given.inputs;
  const Gather pixels = windows(x, shape);
  const at::Tensor rows = at::empty({given.outputs, shape.kernel_height, shape.kernel_width, kept_inputs});
  tile_outer_product(halves(slope), shape.outputs, pixels, rows.data_ptr<float>(), given.outputs, kept_inputs);
  return parted(rows, shape.groups, m);
}

}  // namespace

// oneDNN computes in bfloat16 from AVX-512 on. On older processors float32 does it, and the result is rounded.
static bool is_too_new(const at::Tensor& x) {
  static const bool has_half =
      static_cast<int>(dnnl::get_effective_cpu_isa()) >= static_cast<int>(dnnl::cpu_isa::avx512_core);
  return x.scalar_type() == at::kBFloat16 && !has_half;
}

bool has_products(const at::Tensor& x) {
  return x.device().is_cpu() && (x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16) && x.numel() > 0;
}

at::Tensor convolution_product(const at::Tensor& image, const at::Tensor& weight, const Finish& finish,
                               const Strides& s, WeightCopies* copies) {
  if (is_too_new(image)) return convolution_product(image.to(at::kFloat), weight, finish, s, copies).to(at::kBFloat16);
  const at::Tensor x = channels_last(image), &bias = finish.bias;
  Shape shape = shape_of(kForward, x, x.size(2), x.size(3), weight, s, bias.defined());
  shape.negative_slope = finish.negative_slope;
  const at::Tensor full_bias = bias.defined() ? bias.to(at::kFloat).contiguous() : bias;
  if (by_tiles(shape) && (shape.out_width < kWide || shape.groups > 1))
    return product_by_tiles(x, weight, full_bias, shape, copies);
  const at::Tensor y = empty_image(shape.samples, shape.outputs, shape.out_height, shape.out_width, x);
  const Kernel& kernel = kernel_for(shape);
  std::unordered_map<int, memory> arguments = {{DNNL_ARG_SRC, at_data(kernel.x, x)},
                                               {DNNL_ARG_WEIGHTS, arranged(weight, shape, kernel.weight, copies)},
                                               {DNNL_ARG_DST, at_data(kernel.y, y)}};
  if (bias.defined())
    arguments.emplace(DNNL_ARG_BIAS,
                      at_data({{shape.outputs}, memory::data_type::f32, memory::format_tag::x}, full_bias));
  kernel.primitive.execute(onednn_stream(), arguments);
  return y;
}

at::Tensor convolution_input_slope(const at::Tensor& given, const at::Tensor& weight, int64_t height, int64_t width,
                                   const Strides& s, WeightCopies* copies, const Finish& finish) {
  if (is_too_new(given))
    return convolution_input_slope(given.to(at::kFloat), weight, height, width, s, copies, finish).to(at::kBFloat16);
  const at::Tensor slope = channels_last(given);
  const Shape shape = shape_of(kInputSlope, slope, height, width, weight, s, false);
  // Where a stride leaves pixels out, no product ends there.
  if (by_tiles(shape) && (shape.stride <= shape.kernel_height || !finish.bias.defined()))
    return input_slope_by_tiles(slope, weight, finish, shape, copies);
  const at::Tensor of_x = empty_image(shape.samples, shape.inputs, height, width, slope);
  const Kernel& kernel = kernel_for(shape);
  kernel.primitive.execute(onednn_stream(), {{DNNL_ARG_DIFF_DST, at_data(kernel.y, slope)},
                                             {DNNL_ARG_WEIGHTS, arranged(weight, shape, kernel.weight, copies)},
                                             {DNNL_ARG_DIFF_SRC, at_data(kernel.x, of_x)}});
  if (finish.bias.defined()) of_x.add_(finish.bias.to(of_x.scalar_type()).view({1, -1, 1, 1}));
  return finish.negative_slope == 1 ? of_x : leaky(of_x, finish.negative_slope);
}

at::Tensor convolution_weight_slope(const at::Tensor& given, const at::Tensor& image, const at::Tensor& weight,
                                    const Strides& s) {
  if (is_too_new(given)) return convolution_weight_slope(given.to(at::kFloat), image.to(at::kFloat), weight, s);
  const at::Tensor slope = channels_last(given), x = channels_last(image.to(given.scalar_type()));
  const Shape shape = shape_of(kWeightSlope, x, x.size(2), x.size(3), weight, s, false);
  if (by_tiles(shape)) return weight_slope_by_tiles(slope, x, shape);
  if (pointwise(shape) && shape.half && std::min(shape.inputs, shape.outputs) >= 16) {
    // [N H W, C]; in float32, where sums are exact enough: a bfloat16 product's result is rounded.
    const auto matrix = [](const at::Tensor& t) { return t.permute({0, 2, 3, 1}).flatten(0, 2).to(at::kFloat); };
    return at::mm(matrix(slope).t(), matrix(x)).view(weight.sizes());
  }
  const Kernel& kernel = kernel_for(shape);
  const at::Tensor result = at::empty_strided(weight.sizes(), weight.strides(), weight.options().dtype(at::kFloat));
  memory wanted = at_data(weight_layout(result, shape), result);
  memory computed = kernel.weight == wanted.get_desc() ? wanted : memory(kernel.weight, onednn_engine());
  kernel.primitive.execute(onednn_stream(), {{DNNL_ARG_SRC, at_data(kernel.x, x)},
                                             {DNNL_ARG_DIFF_DST, at_data(kernel.y, slope)},
                                             {DNNL_ARG_DIFF_WEIGHTS, computed}});
  if (kernel.weight != wanted.get_desc()) dnnl::reorder(computed, wanted).execute(onednn_stream(), computed, wanted);
  return result;
}

}  // namespace obverse
