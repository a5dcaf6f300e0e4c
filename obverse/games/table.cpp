#include "obverse/games/adversarial_autoencoder.h"
#include "obverse/games/bigan.h"
#include "obverse/games/cyclegan.h"
#include "obverse/games/encoder.h"
#include "obverse/games/flow.h"
#include "obverse/games/gan.h"
#include "obverse/games/joint_regressor.h"
#include "obverse/games/made.h"
#include "obverse/games/vae.h"
#include "obverse/games/vae_gan.h"

namespace obverse {

template <class GameOptions>
std::shared_ptr<Options> default_options() {
  return std::make_shared<GameOptions>();
}

template <class Kind, class GameOptions>
std::unique_ptr<Game> build_kind(const Options& options, const Domain& domain, uint64_t seed) {
  return std::make_unique<Kind>(dynamic_cast<const GameOptions&>(options), domain, seed);
}

const std::vector<GameRow>& game_table() {
  static const std::vector<GameRow> table = {
      {"gan", "Goodfellow 2014: a generator against a discriminator", default_options<GanOptions>,
       build_kind<Gan, GanOptions>},
      {"bigan", "Donahue 2017 (BiGAN), Dumoulin 2017 (ALI): generator and encoder against a joint discriminator",
       default_options<BiganOptions>, build_kind<Bigan, BiganOptions>},
      {"veegan", "Srivastava 2017: a bigan whose encoder only reconstructs codes, against dropped modes",
       default_options<VeeganOptions>, build_kind<Bigan, VeeganOptions>},
      {"cyclegan", "Zhu 2017: two translators between two classes of images, there and back",
       default_options<CycleGanOptions>, build_kind<CycleGan, CycleGanOptions>},
      {"two-way", "bigan's, by default with R1 and R2 on pairs, a stochastic encoder and cycles",
       default_options<TwoWayOptions>, build_kind<Bigan, TwoWayOptions>},
      {"joint-regressor", "Donahue 2017: a gan with an encoder that learns z from G(z) meanwhile",
       default_options<JointRegressorOptions>, build_kind<JointRegressor, JointRegressorOptions>},
      {"encoder", "Donahue 2017, Schlegl 2019: an encoder after the fact for a frozen generator",
       default_options<EncoderGameOptions>, build_kind<EncoderGame, EncoderGameOptions>,
       [](Options& options) { dynamic_cast<EncoderGameOptions&>(options).complete(); }},
      {"vae", "Kingma 2014: a variational autoencoder; Burda 2016 (IWAE), Higgins 2017 (beta)",
       default_options<VaeOptions>, build_kind<Vae, VaeOptions>},
      {"vae-gan", "Larsen 2016: a VAE whose likelihood is of the discriminator's features",
       default_options<VaeGanOptions>, build_kind<VaeGan, VaeGanOptions>},
      {"adversarial-autoencoder", "Makhzani 2016: a discriminator makes codes look like draws of the prior",
       default_options<AdversarialAutoencoderOptions>,
       build_kind<AdversarialAutoencoder, AdversarialAutoencoderOptions>},
      {"flow", "Dinh 2017, Kingma 2018, Papamakarios 2017: an invertible network, exact inference and likelihood",
       default_options<FlowGameOptions>, build_kind<FlowGame, FlowGameOptions>},
      {"made", "Germain 2015: an autoregressive model of binary pixels", default_options<MadeGameOptions>,
       build_kind<MadeGame, MadeGameOptions>},
  };
  return table;
}

}  // namespace obverse
