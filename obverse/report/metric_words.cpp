#include "obverse/report/metric_words.h"

#include <algorithm>
#include <cctype>

namespace obverse {

const std::vector<MetricWord>& metric_words() {
  static const std::vector<MetricWord> words = {
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
