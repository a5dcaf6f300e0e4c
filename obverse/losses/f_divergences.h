#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

namespace obverse {

/// An f-divergence D_f(P || Q) = E_Q[f(p / q)] and its variational bound by a critic V (Nowozin 2016, eq. 6 and table
/// 2):
///   D_f(P || Q) >= E_P[T] - E_Q[f*(T)],  T = g(V),
/// g taking any number into the domain of the conjugate f*(t) = sup_u (t u - f(u)). Equality where T = f'(p / q).
/// All functions work element by element. Exponentials are continued by their tangents above e^20, so that none
/// overflows.
struct DivergenceRow {
  std::string name, source;
  std::string output_formula, conjugate_formula;       // g(v) and f*(g(v)), for people
  at::Tensor (*f)(const at::Tensor& ratio);            // p / q > 0
  at::Tensor (*output)(const at::Tensor& v);           // g(V)
  at::Tensor (*conjugate)(const at::Tensor& v);        // f*(g(V))
  at::Tensor (*optimal)(const at::Tensor& log_ratio);  // V with g(V) = f'(p / q), of log p / q
  bool by_bound = false;                               // G minimises -f*(g(V)), not -g(V)
};

/// kl, reverse-kl, jensen-shannon, pearson, squared-hellinger, total-variation. Jensen-Shannon as in the GAN's paper:
/// twice the divergence of that name.
const std::vector<DivergenceRow>& divergence_table();

/// D's loss of the row, -g(V) on real and f*(g(V)) on generated samples, as a function without state; and G's,
/// -g(V) on generated samples (section 3.2: it does not saturate as -f*(g(V)) does). Reverse KL keeps -f*(g(V)), which
/// is linear there, while -g(V) = exp(-V) has a slope without bound wherever a sample lies far from the data.
using LogitLoss = at::Tensor (*)(const at::Tensor& real, const at::Tensor& fake);
LogitLoss divergence_discriminator(size_t row);
LogitLoss divergence_generator(size_t row);

}  // namespace obverse
