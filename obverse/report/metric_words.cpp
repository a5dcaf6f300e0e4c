#include "obverse/report/metric_words.h"

#include <algorithm>
#include <cctype>

namespace obverse {

const std::vector<MetricWord>& metric_words() {
  static const std::vector<MetricWord> words = {
      {"fid_infinity", "FID at infinitely many samples", Better::lower,
       "The FID without its bias from a limited number of generated samples: where a line through the FID of growing "
       "draws ends."},
      {"fid", "Fréchet distance (FID)", Better::lower,
       "How far the cloud of generated features lies from the cloud of real ones, each taken as a Gaussian; it rises "
       "when samples look wrong and when variety is missing. Only figures with the same features and the same number "
       "of "
       "samples can be compared."},
      {"kid", "Kernel distance (KID)", Better::lower,
       "A distance between the two sets of features that assumes no Gaussian and has no bias from few samples; a "
       "perfect generator is at zero, give or take the interval."},
      {"is", "Inception score", Better::higher,
       "High when a classifier is sure of each sample and sees all classes equally often; it never looks at real data, "
       "so it cannot tell that variety within a class is missing."},
      {"precision", "Precision", Better::higher,
       "The share of generated samples that lie where real data lie: how often a sample looks right."},
      {"recall", "Recall", Better::higher,
       "The share of real data that lie where the generator can reach: how much of the variety it has."},
      {"density", "Density", Better::higher,
       "Like precision, but counts how many real neighbourhoods a sample falls into, so that single odd real images "
       "weigh little; it may exceed 1."},
      {"coverage", "Coverage", Better::higher,
       "The share of real images that have a generated sample in their neighbourhood: it drops when modes are "
       "missing."},
      {"duplicate", "Near-duplicates", Better::lower,
       "The share of generated samples with a near copy among the others: it rises when the generator collapses."},
      {"modes", "Modes captured", Better::higher,
       "How many of the known modes of the data have at least one good sample."},
      {"captured", "Modes captured", Better::higher,
       "How many of the known modes of the data have at least one good sample."},
      {"high_quality", "High-quality share", Better::higher,
       "The share of samples within three standard deviations of a mode; 0.989 is ideal in the plane."},
      {"reverse_kl", "Reverse KL over modes", Better::lower,
       "How unevenly samples are spread over the modes, in nats; zero when all modes get the same share."},
      {"kl", "KL over modes", Better::lower,
       "How unevenly samples are spread over the modes, in nats; zero when all modes get the same share."},
      {"narrowest_std", "Narrowest mode", Better::higher,
       "The spread of the narrowest mode, as a share of the true one: far below 1, the generator repeats itself within "
       "modes."},
      {"widest_std", "Widest mode", Better::lower, "The spread of the widest mode, as a share of the true one."},
      {"confident", "Confident share", Better::higher,
       "The share of samples of which a classifier is at least 90 % sure; real test images do not reach 1 either."},
      {"smallest_class", "Smallest class", Better::higher,
       "The share of samples that a classifier sees as the rarest class: near zero when the generator has dropped it."},
      {"largest_class", "Largest class", Better::lower,
       "The share of samples that a classifier sees as the commonest class; one over the number of classes when all "
       "are equally frequent."},
      {"code_mmd", "Codes against the prior", Better::lower,
       "How far codes of test samples are from codes of the prior, by the polynomial kernel of the kernel distance: "
       "about zero when both are alike."},
      {"mmd", "Kernel distance, RBF", Better::lower,
       "As the kernel distance, with bell-shaped kernels of five widths, which see local differences better."},
      {"swd", "Sliced Wasserstein distance", Better::lower,
       "How far features have to be moved to turn the generated set into the real one, averaged over random "
       "directions."},
      {"ndb", "Differing bins", Better::lower,
       "The share of 100 regions of the data that hold significantly more or fewer generated than real samples; real "
       "data differ in 5 of 100 by chance."},
      {"jsd", "Jensen-Shannon divergence of bins", Better::lower,
       "How unlike the two histograms over these regions are, in nats; 0.69 when they share none."},
      {"c2st", "Two-sample test", Better::lower,
       "How often a classifier that is trained for it tells real from generated features; 0.5 is guessing."},
      {"p_value", "p-value of the test", Better::higher,
       "The chance of such an accuracy if real and generated samples were of one distribution."},
      {"intra_fid", "FID within classes", Better::lower, "FID of each class by itself, averaged."},
      {"intra_coverage", "Coverage within classes", Better::higher, "Coverage of each class by itself, averaged."},
      {"authenticity", "Authenticity", Better::higher,
       "The share of generated samples that are further from their nearest training image than that one is from its "
       "own "
       "nearest neighbour; far below the floor, training images are copied."},
      {"copies_of_training", "Copies of training samples", Better::lower,
       "The share of generated samples that are nearer to a training image than 99 % of training images are to each "
       "other."},
      {"nearest_distance_ratio", "Distance to the training data", Better::higher,
       "Median distance of generated samples to their nearest training image, over that of training images to each "
       "other: far below 1, they are copied."},
      {"ct", "Copying score C_T", Better::higher,
       "Below -3: generated samples sit nearer to training images than unseen data do, which is copying; far above 3: "
       "they miss the data."},
      {"log_likelihood", "Log-likelihood, lower bound", Better::higher,
       "How probable the data are under the decoder and its noise, in nats, by annealed importance sampling: at least "
       "so much, on average."},
      {"simulated_lower", "Lower bound on simulated data", Better::neither,
       "The same bound on data that the model itself made."},
      {"simulated_upper", "Upper bound on simulated data", Better::neither,
       "From above, on the same data; the truth lies between both."},
      {"gap", "Gap of the bounds", Better::lower,
       "The upper less the lower bound on simulated data: what the settings of the sampler are worth."},
      {"ppl", "Perceptual path length", Better::lower,
       "How much the picture changes for a tiny step in latent space: small when interpolations are smooth."},
  };
  return words;
}

static bool starts_with(const std::string& text, const std::string& start) {
  return text.compare(0, start.size(), start) == 0 &&
         (text.size() == start.size() || !std::isalpha(static_cast<unsigned char>(text[start.size()])) ||
          text[start.size()] == 's');
}

const MetricWord* metric_word(std::string result) {
  std::replace(result.begin(), result.end(), ' ', '_');
  for (const MetricWord& word : metric_words())
    if (starts_with(result, word.name)) return &word;
  for (size_t from = result.find('_'); from != std::string::npos; from = result.find('_', from + 1))
    for (const MetricWord& word : metric_words())
      if (starts_with(result.substr(from + 1), word.name)) return &word;
  return nullptr;
}

}  // namespace obverse
