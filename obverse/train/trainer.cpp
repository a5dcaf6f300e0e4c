#include "obverse/train/trainer.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>

#include "obverse/core/autograd.h"
#include "obverse/core/engine.h"
#include "obverse/core/error.h"
#include "obverse/core/table.h"
#include "obverse/io/files.h"
#include "obverse/io/image.h"
#include "obverse/io/safetensors.h"
#include "obverse/io/tensorboard.h"
#include "obverse/train/average.h"
#include "obverse/train/checkpoint.h"
#include "obverse/train/snapshot.h"
#include "obverse/train/transfer.h"
#include "obverse/train/update_rules.h"

namespace obverse {
namespace {

using Clock = std::chrono::steady_clock;

double now() { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); }
double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

Spread spread_of(const Recipe& recipe, Game& game) {
  if (!game.batches_by_class()) return recipe.train.even_batches ? Spread::even : Spread::random;
  if (recipe.train.even_batches) fail("train.even_batches: this game takes from each class in turn: set it to false");
  return Spread::by_class;
}

void hold_discriminator(Game& game, int64_t layers) {
  for (const auto& [name, module] : game.modules())
    if (name == "discriminator") {
      if (const int64_t held = module->hold_layers(layers); held < layers)
        fail("train.freeze_d = {}: the discriminator has {} layers: lower it", layers, held);
      for (const auto& [key, tensor] : module->parameters())
        if (tensor.requires_grad()) return;
      fail("train.freeze_d = {}: the discriminator has no more layers, it would learn nothing: lower it", layers);
    }
  fail("train.freeze_d: this game has no discriminator: set it to 0");
}

class Trainer {
 public:
  Trainer(Recipe& recipe, std::shared_ptr<const Dataset> data, const RunFolder& run, const TrainHooks& hooks,
          const GameFactory& make_game);
  Outcome run();

 private:
  void begin_from(const std::string& model);
  void play_round();
  bool crossed(double kimg) const;  // whether the last round crossed a multiple of `kimg`
  void write_figures();
  void complete_average();
  void write_model();
  void take_snapshot();
  void save();
  void restore(const Checkpoint& checkpoint);
  bool roll_back(const Finding& finding);
  void note(Finding finding);
  void log(const std::string& line) const { run_.append("log.txt", line + "\n"); }
  NamedTensors tensors();
  void watch_motion();
  std::map<std::string, double> measure_movement();
  double progress() const { return std::min(1.0, static_cast<double>(images_) / total_images_); }
  double kimg() const { return static_cast<double>(images_) / 1000; }

  Recipe& recipe_;
  const TrainOptions& options_;
  std::shared_ptr<const Dataset> data_;
  const RunFolder& run_;
  const TrainHooks& hooks_;
  std::unique_ptr<Game> game_, average_;
  MovingAverage averaging_;
  std::unique_ptr<LatentModel> model_;  // over the averages
  Optimisers optimisers_;
  BatchStream stream_;
  Rng rng_;
  Monitors monitors_;
  Stats stats_;
  std::unique_ptr<EventWriter> events_;
  std::unique_ptr<SnapshotGrid> grid_;
  std::map<std::string, std::vector<at::Tensor>> last_weights_;
  std::optional<Finding> alarm_;
  double line_progress_ = 0;  // when figures were last written
  int64_t round_ = 0, images_ = 0, images_before_ = 0, per_round_ = 0;
  double total_images_ = 0, seconds_ = 0, rate_images_ = 0, rate_seconds_ = 0, lr_factor_ = 1;
  bool rolled_back_ = false;
};

Trainer::Trainer(Recipe& recipe, std::shared_ptr<const Dataset> data, const RunFolder& run, const TrainHooks& hooks,
                 const GameFactory& make_game)
    : recipe_(recipe),
      options_(recipe.train),
      data_(data),
      run_(run),
      hooks_(hooks),
      game_(make_game()),
      average_(make_game()),
      averaging_(*average_, *game_),
      stream_(data, recipe.train.batch, Rng(recipe.train.seed, "data order"), spread_of(recipe, *game_)),
      rng_(recipe.train.seed, "latents"),
      total_images_(recipe.train.kimg * 1000) {
  const Placement placement = choose_placement(options_.precision);
  for (const auto& [name, module] : game_->modules()) module->set_placement(placement);
  for (const auto& [name, module] : game_->fixed_modules()) module->train(false), module->set_requires_grad(false);
  freeze(*average_, placement);
  if (options_.freeze_d > 0 && options_.init.empty())
    fail("train.freeze_d: holds layers of a trained discriminator: name one by train.init");
  if (options_.freeze_d > 0) hold_discriminator(*game_, options_.freeze_d);
  optimisers_ = make_optimisers(*game_, find_row(update_table(), "update rule", options_.update));
  per_round_ = options_.batch * game_->batches_per_round();
  model_ = average_->model();
  grid_ = std::make_unique<SnapshotGrid>(*model_, static_cast<uint64_t>(options_.seed));
  if (model_->translates()) grid_->translate(*data_);
}

NamedTensors Trainer::tensors() {
  NamedTensors result;
  const auto add = [&](const std::string& prefix, const NamedTensors& from) {
    for (const auto& [name, tensor] : from) result.emplace_back(prefix + name, tensor);
  };
  add("game/", game_->weights());
  add("average/", average_->weights());
  add("state/", game_->state());
  for (auto& [name, optimiser] : optimisers_) add("optimiser/", optimiser.state(name + "/"));
  result.emplace_back("rng/latents", rng_.state());
  result.emplace_back("rng/data", stream_.state());
  return result;
}

void Trainer::save() {
  Checkpoint checkpoint{tensors(),  round_,       images_,           seconds_,
                        lr_factor_, rolled_back_, monitors_.state(), run_.sizes()};
  write_checkpoint(run_.path(), checkpoint, options_.keep_checkpoints);
}

void Trainer::restore(const Checkpoint& checkpoint) {
  copy_named(tensors(), checkpoint.tensors, run_.path() + "/state");
  rng_.set_state(find_tensor(checkpoint.tensors, "rng/latents", run_.path()));
  stream_.set_state(find_tensor(checkpoint.tensors, "rng/data", run_.path()));
  for (auto& [name, optimiser] : optimisers_) optimiser.clear_gradients();
  round_ = checkpoint.round;
  images_ = checkpoint.images;
  seconds_ = checkpoint.seconds;
  lr_factor_ = checkpoint.lr_factor;
  rolled_back_ = checkpoint.rolled_back;
  monitors_.set_state(checkpoint.monitors);
  for (auto& [name, optimiser] : optimisers_) optimiser.lr_factor = lr_factor_;
}

bool Trainer::crossed(double interval_kimg) const {
  const double interval = interval_kimg * 1000;
  return std::floor(static_cast<double>(images_) / interval) >
         std::floor(static_cast<double>(images_before_) / interval);
}

void Trainer::play_round() {
  Round round([this] { return stream_.next(); }, rng_);
  round.batch = options_.batch;
  round.number = round_;
  round.progress = progress();
  round.even = options_.even_batches;
  const auto report = [this](const Phase& phase, const Terms& terms, double norm) {
    const std::string player = player_tag(phase.player);
    for (const auto& [name, value] : terms.terms()) stats_.add("Loss/" + player + "/" + name, value.item<double>());
    if (phase.name == "main") stats_.add("Loss/" + player + "/loss", terms.total().item<double>());
    for (const auto& [name, value] : terms.watched()) stats_.add("Loss/" + name, value);
    stats_.add("Gradients/" + player + "/norm", norm);
    if (options_.monitors && !alarm_) alarm_ = monitors_.check_step(phase, terms, norm);
  };
  find_row(update_table(), "update rule", options_.update)
      .play(*game_, due_phases(*game_, round_), round, optimisers_, options_, report);
  images_before_ = images_;
  images_ += per_round_;
  ++round_;
  if (options_.ema_halflife_kimg > 0)
    averaging_.move(average_decay(options_.ema_halflife_kimg * 1000, options_.ema_rampup, images_, per_round_));
}

std::map<std::string, double> Trainer::measure_movement() {
  std::map<std::string, double> result;
  for (Player& player : game_->players()) {
    double moved = 0, size = 0;
    auto& last = last_weights_[player.name];
    const NamedTensors now_weights = player.parameters();
    for (size_t i = 0; i < now_weights.size(); ++i) {
      const at::Tensor w = now_weights[i].second.detach();
      if (i < last.size()) moved += (w - last[i]).square().sum().item<double>();
      size += w.square().sum().item<double>();
    }
    if (!last.empty()) result[player.name] = std::sqrt(moved / std::max(size, 1e-30));
    last.clear();
    for (const auto& [name, w] : now_weights) last.push_back(w.detach().clone());
  }
  return result;
}

// A line of stats.jsonl and its TensorBoard scalars; then the monitors look at it.
void Trainer::write_figures() {
  const double rate = rate_seconds_ > 0 ? rate_images_ / rate_seconds_ : 0;
  rate_images_ = rate_seconds_ = 0;
  for (Player& player : game_->players())
    stats_.add("Schedule/" + player_tag(player.name) + "/lr", optimisers_.at(player.name).lr(progress()));
  stats_.add("Progress/kimg", kimg());
  stats_.add("Progress/round", static_cast<double>(round_));
  stats_.add("Timing/images_per_sec", rate);
  stats_.add("Timing/total_sec", seconds_);
  run_.append("stats.jsonl", stats_.json_line(now()));
  for (const Stats::Entry& entry : stats_.entries()) events_->scalar(entry.tag, entry.mean(), images_, now());
  events_->flush();
  if (hooks_.progress)
    hooks_.progress({kimg(), options_.kimg, rate, rate > 0 ? (total_images_ - images_) / rate : 0, &stats_});
  const std::map<std::string, double> movement = measure_movement();
  const double begun = std::exchange(line_progress_, progress());  // a step size may be 0 at either end
  const double last = std::max(0.0, static_cast<double>(images_ - per_round_) / total_images_);
  std::map<std::string, double> steps;
  for (auto& [name, optimiser] : optimisers_) steps[name] = std::min(optimiser.lr(begun), optimiser.lr(last));
  if (options_.monitors && !alarm_) alarm_ = monitors_.check_stats(stats_, movement, steps);
  if (options_.monitors && !alarm_ && game_->learns_to_generate() && !model_->translates()) watch_motion();
  stats_.clear();
}

// Of the players as they stand: the moving average hides what swings.
void Trainer::watch_motion() {
  constexpr int64_t kSamples = 16;
  for (const auto& [name, module] : game_->modules()) module->train(false);
  const at::Tensor samples = grid_->samples(*game_->model(), kSamples);
  for (const auto& [name, module] : game_->modules()) module->train(true);
  for (const auto& [name, module] : game_->fixed_modules()) module->train(false);
  if (const auto found = monitors_.check_motion(samples, progress())) note(*found);
}

void Trainer::complete_average() {
  if (options_.ema_halflife_kimg <= 0) averaging_.move(0);
  averaging_.copy_rest();
}

void Trainer::write_model() { save_model(run_.file("model.safetensors"), recipe_, data_->domain, *average_); }

void Trainer::take_snapshot() {
  complete_average();
  const at::Tensor picture = grid_->draw(*model_);
  const std::string png = encode_png(picture);
  write_file(run_.file(fmt::format("fakes{:06}.png", static_cast<int64_t>(std::floor(kimg())))), png);
  events_->image("Samples/fakes", png, picture.size(2), picture.size(1), images_, now());
  if (data_->domain.kind == Domain::Kind::image && !model_->translates())
    write_png(run_.file("interpolations.png"), grid_->draw_interpolations(*model_));
  write_model();
  if (images_ == 0 || !game_->learns_to_generate()) return;
  if (hooks_.diversity && options_.monitors) {
    const DiversityFigures figures = hooks_.diversity(*model_);
    stats_.add("Monitor/coverage", figures.coverage);
    stats_.add("Monitor/duplicates", figures.duplicates);
    const std::optional<Finding> found = monitors_.check_diversity(figures, progress());
    if (found && found->severity == "alarm" && !alarm_) alarm_ = found;
    if (found && found->severity != "alarm") note(*found);
  }
  if (hooks_.evaluate) {
    freeze(*average_, {});  // in float32, as obverse eval measures
    for (const auto& [name, value] : hooks_.evaluate(*model_, kimg(), run_))
      events_->scalar("Metrics/" + name, value, images_, now());
    freeze(*average_, choose_placement(options_.precision));
  }
  events_->flush();
}

void Trainer::note(Finding finding) {
  finding.kimg = kimg();
  const nlohmann::ordered_json line = {{"kimg", finding.kimg},
                                       {"severity", finding.severity},
                                       {"cause", finding.cause},
                                       {"what", finding.what},
                                       {"action", finding.action}};
  run_.append("findings.jsonl", line.dump() + "\n");
  log(fmt::format("{}: {}: {}; {}", finding.severity, finding.cause, finding.what, finding.action));
  if (hooks_.finding) hooks_.finding(finding);
}

// Back to the last good checkpoint, the model's file too; on from there with half the step size, once. The finding
// stays on record. False: give up.
bool Trainer::roll_back(const Finding& finding) {
  constexpr double kLower = 0.5;
  Finding noted = finding;
  const std::vector<std::string> checkpoints = list_checkpoints(run_.path());
  const Checkpoint good = read_checkpoint(checkpoints.back());
  const bool again = !rolled_back_;
  noted.action = again ? fmt::format("went back to {:.3g} kimg and halved the step sizes; if it comes again: {}",
                                     good.images / 1000.0, finding.action)
                       : fmt::format("gave up: {}", finding.action);
  note(noted);
  const double factor = good.lr_factor * kLower;
  restore(good);
  complete_average();
  write_model();
  if (!again) return false;
  rolled_back_ = true;
  lr_factor_ = factor;
  for (auto& [name, optimiser] : optimisers_) optimiser.lr_factor = factor;
  images_before_ = images_;
  last_weights_.clear();
  stats_.clear();
  return true;
}

void Trainer::begin_from(const std::string& model) {
  const std::string file = std::filesystem::is_directory(model) ? model + "/model.safetensors" : model;
  NamedTensors learned;  // frozen modules keep what the game began with
  const auto fixed = game_->fixed_modules();
  for (const auto& [name, tensor] : game_->weights())
    if (std::none_of(fixed.begin(), fixed.end(), [&n = name](const auto& f) { return n.rfind(f.first + ".", 0) == 0; }))
      learned.emplace_back(name, tensor);
  const Transfer transfer = transfer_weights(learned, read_safetensors(file).tensors);
  if (transfer.copied + transfer.adapted == 0)
    fail("train.init: nothing of {} fits this recipe's networks: use a model of the same architecture", file);
  log(fmt::format("began from {}: {} tensors taken over, {} adapted, {} fresh", file, transfer.copied, transfer.adapted,
                  transfer.fresh.size()));
  for (const std::string& name : transfer.fresh) log("  fresh: " + name);
}

Outcome Trainer::run() {
  const std::vector<std::string> checkpoints = list_checkpoints(run_.path());
  if (checkpoints.empty()) {
    run_.cut({});
    game_->begin();
    if (!options_.init.empty()) begin_from(options_.init);
    without_grad([&] {
      copy_named(average_->weights(), game_->weights(), "average");
      return 0;
    });
  } else {
    const Checkpoint last = read_checkpoint(checkpoints.back());
    restore(last);
    run_.cut(last.sizes);
    log(fmt::format("resumed at {:.3f} kimg", kimg()));
  }
  events_ = std::make_unique<EventWriter>(run_.file("events.out.tfevents.obverse"));
  if (checkpoints.empty()) {
    log(engine_summary());
    Rng picture_rng(0, "reals");
    write_png(run_.file("reals.png"),
              grid_->draw_real(data_->draw(std::min<int64_t>(data_->size(), 4096), picture_rng)));
    take_snapshot();
    save();
  }
  measure_movement();
  line_progress_ = progress();
  while (images_ < total_images_) {
    const auto start = Clock::now();
    play_round();
    const double spent = seconds_since(start);
    seconds_ += spent;
    rate_seconds_ += spent;
    rate_images_ += static_cast<double>(per_round_);
    const bool last = images_ >= total_images_, stopped = hooks_.stop && *hooks_.stop;
    const bool snapshot = last || crossed(options_.snapshot_kimg),
               checkpoint = last || stopped || crossed(options_.checkpoint_kimg);
    if (snapshot && !alarm_) take_snapshot();
    if ((snapshot || checkpoint || crossed(options_.stats_kimg)) && !alarm_) write_figures();
    if (alarm_) {
      const Finding finding = *std::exchange(alarm_, std::nullopt);
      if (!roll_back(finding)) return Outcome::gave_up;
      continue;
    }
    if (checkpoint) save();
    if (stopped && !last) return Outcome::interrupted;
  }
  log(fmt::format("finished: {:.1f} kimg in {:.1f} s", kimg(), seconds_));
  return Outcome::finished;
}

}  // namespace

Outcome train(Recipe& recipe, std::shared_ptr<const Dataset> data, const RunFolder& run, const TrainHooks& hooks,
              const GameFactory& make_game) {
  return Trainer(recipe, std::move(data), run, hooks, make_game).run();
}

Outcome train(Recipe& recipe, std::shared_ptr<const Dataset> data, const RunFolder& run, const TrainHooks& hooks) {
  const Domain domain = data->domain;
  return train(recipe, std::move(data), run, hooks, [&] { return build_game(recipe, domain); });
}

}  // namespace obverse
