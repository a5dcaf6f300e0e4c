#pragma once

// Everything in which oneDNN 2 and 3 differ for us.
#include <dnnl.hpp>

namespace obverse {

inline dnnl::engine& onednn_engine() {
  static dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}
inline dnnl::stream& onednn_stream() {
  static dnnl::stream stream(onednn_engine());
  return stream;
}

/// What a primitive computes, from the arguments that say so.
template <class Primitive, class... Arguments>
typename Primitive::primitive_desc describe(const dnnl::primitive_attr& attributes, const Arguments&... arguments) {
#if DNNL_VERSION_MAJOR >= 3
  return {onednn_engine(), arguments..., attributes};
#else
  return {typename Primitive::desc(arguments...), attributes, onednn_engine()};
#endif
}

/// Of a gradient, whose forward primitive is described already.
template <class Primitive, class Forward, class... Arguments>
typename Primitive::primitive_desc describe_slope(const Forward& forward, const Arguments&... arguments) {
#if DNNL_VERSION_MAJOR >= 3
  return {onednn_engine(), arguments..., forward};
#else
  return {typename Primitive::desc(arguments...), onednn_engine(), forward};
#endif
}

/// A leaky ReLU after the primitive.
inline dnnl::primitive_attr leaky_after(float negative_slope) {
  dnnl::post_ops after;
#if DNNL_VERSION_MAJOR >= 3
  after.append_eltwise(dnnl::algorithm::eltwise_relu, negative_slope, 0);
#else
  after.append_eltwise(1, dnnl::algorithm::eltwise_relu, negative_slope, 0);
#endif
  dnnl::primitive_attr attributes;
  attributes.set_post_ops(after);
  return attributes;
}

}  // namespace obverse
