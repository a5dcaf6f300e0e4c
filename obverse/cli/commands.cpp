#include "obverse/cli/commands.h"

namespace obverse {

void setup_data(CLI::App& app);
void setup_explain(CLI::App& app);
void setup_train(CLI::App& app);
void setup_sweep(CLI::App& app);
void setup_sample(CLI::App& app);
void setup_translate(CLI::App& app);
void setup_eval(CLI::App& app);
void setup_compare(CLI::App& app);
void setup_likelihood(CLI::App& app);
void setup_features(CLI::App& app);
void setup_invert(CLI::App& app);
void setup_posterior(CLI::App& app);
void setup_edit(CLI::App& app);
void setup_anomaly(CLI::App& app);
void setup_probe(CLI::App& app);
void setup_compress(CLI::App& app);
void setup_decompress(CLI::App& app);
void setup_report(CLI::App& app);
void setup_studio(CLI::App& app);
void setup_list(CLI::App& app);
void setup_completion(CLI::App& app);

const std::vector<Command>& command_table() {
  static const std::vector<Command> table = {
      {"data", "look at, check and convert data sets", setup_data},
      {"explain", "show a recipe's networks layer by layer, its losses as formulas, its schedules", setup_explain},
      {"train", "train a recipe's model", setup_train},
      {"sweep", "train a recipe with several values and seeds, and stop what is hopeless early", setup_sweep},
      {"sample", "make samples from a trained model", setup_sample},
      {"translate", "make pictures of one kind into the other, by a trained translator", setup_translate},
      {"eval", "measure a model's samples, or any two sets of them", setup_eval},
      {"compare", "put the figures of several runs side by side, with what is significant", setup_compare},
      {"likelihood", "bound the log-likelihood of data under a decoder, by annealed importance sampling",
       setup_likelihood},
      {"features", "train the small classifiers that metrics use", setup_features},
      {"invert", "find the latent codes of images", setup_invert},
      {"posterior", "draw the many latent codes that may have given an image", setup_posterior},
      {"edit", "move, mix and join codes: find directions, apply them, interpolate, do arithmetic", setup_edit},
      {"anomaly", "tell what is normal from what is not: fit, score, report", setup_anomaly},
      {"probe", "see what labels and factors can be read off inferred codes", setup_probe},
      {"compress", "make images into few bytes, by a model's probabilities or its codes", setup_compress},
      {"decompress", "get back the images that compress took", setup_decompress},
      {"report", "write a run's report, one HTML file", setup_report},
      {"studio", "pages over a folder of runs: watch, play with models, train", setup_studio},
      {"list", "show what is known by name: losses, models, metrics, ...", setup_list},
      {"completion", "print completions for bash", setup_completion},
  };
  return table;
}

}  // namespace obverse
