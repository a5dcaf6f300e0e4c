#include "obverse/games/encoder.h"
#include "obverse/games/gan.h"

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
      {"encoder", "Donahue 2017, Schlegl 2019: an encoder after the fact for a frozen generator",
       default_options<EncoderGameOptions>, build_kind<EncoderGame, EncoderGameOptions>,
       [](Options& options) { dynamic_cast<EncoderGameOptions&>(options).complete(); }},
  };
  return table;
}

}  // namespace obverse
