#include "obverse/metrics/evaluate.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <chrono>

#include "obverse/core/autograd.h"
#include "obverse/core/error.h"
#include "obverse/core/table.h"
#include "obverse/io/image.h"
#include "obverse/metrics/measure.h"

namespace obverse {
namespace {

constexpr int64_t kSlice = 500;

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// What a file of the sample would hold: images in 256 levels, clamped to their range.
at::Tensor as_stored(const at::Tensor& x, const Domain& domain) {
  if (domain.kind != Domain::Kind::image || domain.levels != 256) return x;
  return to_bytes(x).to(at::kFloat).div_(127.5).sub_(1);
}

void check_samples(const at::Tensor& x, int64_t n, const Domain& domain) {
  std::vector<int64_t> shape = domain.shape;
  shape.insert(shape.begin(), n);
  if (x.sizes() != at::IntArrayRef(shape)) fail("the samples to judge are not {} like the real ones", domain.text());
  if (!x.sum(at::kDouble).isfinite().item<bool>()) fail("the samples to judge hold values that are not finite");
}

// Features [n, F] as x and labels, where there are any, as y.
Batch features_of_source(FeatureNetwork& network, const Domain& domain, const SampleSource& fake, int64_t n,
                         uint64_t seed) {
  Rng rng(seed, "evaluation");
  std::vector<at::Tensor> parts, labels;
  for (int64_t done = 0; done < n; done += kSlice) {
    const int64_t count = std::min(kSlice, n - done);
    const Batch batch = without_grad([&] { return fake(count, rng); });
    check_samples(batch.x, count, domain);
    parts.push_back(features_of(network, as_stored(batch.x, domain)));
    if (batch.y.defined()) labels.push_back(batch.y);
  }
  return {at::cat(parts), labels.empty() ? at::Tensor() : at::cat(labels)};
}

std::string count_text(int64_t n) { return n % 1000 == 0 ? std::to_string(n / 1000) + "k" : std::to_string(n); }

std::string metric_name(const MetricRow& row, int64_t n, const FeatureNetwork& network) {
  const std::string base = row.name + count_text(n) + row.suffix;
  if (!network.inception) return base + "_" + network.label();
  return row.all_real ? base + "_full" : base;
}

// A covariance of fewer samples than features is singular, and the Fréchet distance far too large: refused unless
// asked.
int64_t least_samples(const MetricRow& row, int64_t dims, bool allow_few) {
  return allow_few ? std::min<int64_t>(row.least(dims), 100) : row.least(dims);
}

void check_fake_count(const MetricRow& row, const at::Tensor& fake, bool allow_few) {
  const int64_t dims = fake.size(1), least = least_samples(row, dims, allow_few);
  if (fake.size(0) < least)
    fail("{}: needs {} samples for {} features, there are {}: use more (--samples), or leave it out (--metrics)",
         row.name, least, dims, fake.size(0));
}

void check_counts(const MetricRow& row, const at::Tensor& fake, const Dataset& train, bool allow_few) {
  check_fake_count(row, fake, allow_few);
  const int64_t dims = fake.size(1), least = least_samples(row, dims, allow_few);
  if (train.size() < least)
    fail("{}: needs {} real samples for {} features, {} has {}: use more data, or leave it out (--metrics)", row.name,
         least, dims, train.name, train.size());
}

std::string underscored(std::string text) {
  std::replace(text.begin(), text.end(), ' ', '_');
  return text;
}

int64_t default_samples(Reference& real) {
  if (real.train().domain.kind == Domain::Kind::points) return 2'500;
  return real.network().judged() > 1 ? 26'000 : 10'000;
}

Figure make_figure(const MetricRow& row, const Value& value, const Measured& measured, int64_t n,
                   const FeatureNetwork& network) {
  Figure f;
  f.label = value.label;
  f.metric = metric_name(row, n, network);
  f.name = measured.values.size() == 1 ? f.metric : f.metric + "_" + underscored(value.label);
  f.value = value.value;
  f.low = value.low;
  f.high = value.high;
  f.interval = value.interval;
  f.n_real = measured.n_real;
  f.n_fake = n;
  f.features = network.name;
  f.features_hash = network.hash;
  f.resize = network.resize;
  f.features_accuracy = network.test_accuracy;
  f.protocol = row.protocol;
  f.higher_is_better = value.higher_is_better;
  f.details = value.details;
  return f;
}

}  // namespace

const at::Tensor& Reference::features() {
  if (!features_.defined()) features_ = cached_features_of(network_, train_);
  return features_;
}

const at::Tensor& Reference::test_features() {
  if (!test_features_.defined()) test_features_ = cached_features_of(network_, test_);
  return test_features_;
}

const Moments& Reference::moments() {
  if (moments_.count() == 0)
    for (const at::Tensor& part : features().split(10 * kSlice)) moments_.add(part);
  return moments_;
}

const at::Tensor& Reference::factor() {
  if (!factor_.defined()) factor_ = covariance_factor(moments().covariance());
  return factor_;
}

at::Tensor Reference::draw(int64_t n, uint64_t seed) {
  Rng rng(seed, "real samples");
  return features().index_select(0, rng.permutation(train_.size()).slice(0, 0, n));
}

SampleSource source_of(LatentModel& model, const Dataset& data) {
  if (!data.labels.defined() || static_cast<int64_t>(data.domain.classes.size()) != model.classes())
    return [&model](int64_t n, Rng& rng) { return sample(model, n, rng); };
  return [&model, labels = data.labels](int64_t n, Rng& rng) {
    const at::Tensor z = model.spaces().at(0).draw(n, rng);
    const at::Tensor y = labels.index_select(0, rng.integers(labels.size(0), {n}));
    return Batch{decode_all(model, z, y), y};
  };
}

Evaluator::Evaluator(const Dataset& train, const Dataset& test, FeatureNetwork& network)
    : reference_(train, test, network) {
  if (train.domain.shape != test.domain.shape)
    fail("{}: training and test samples differ: {} and {}", train.name, train.domain.text(), test.domain.text());
}

const std::vector<Value>& Evaluator::floor(const MetricRow& row, int64_t n, uint64_t seed) {
  const std::string key = fmt::format("{} {} {}", row.name, n, seed);
  const auto known = floors_.find(key);
  if (known != floors_.end()) return known->second;
  Rng rng(seed, "floor");
  const at::Tensor& test = reference_.test_features();
  const at::Tensor rows = rng.permutation(test.size(0)).slice(0, 0, n), drawn = test.index_select(0, rows);
  const at::Tensor& labels = reference_.test().labels;
  const at::Tensor drawn_labels = labels.defined() ? labels.index_select(0, rows) : at::Tensor();
  return floors_[key] = row.measure({reference_, drawn, drawn_labels, nullptr, seed, false}).values;
}

std::vector<Figure> Evaluator::evaluate(const EvaluateOptions& options, const SampleSource& fake, LatentModel* model) {
  std::vector<const MetricRow*> rows;
  for (const std::string& name : options.metrics) rows.push_back(&find_row(metric_table(), "metric", name));
  if (rows.empty())
    for (const MetricRow& row : metric_table())
      if (row.suits(reference_)) rows.push_back(&row);
  const int64_t n = options.samples > 0 ? options.samples : default_samples(reference_);
  const auto start = std::chrono::steady_clock::now();
  const auto [features, labels] =
      features_of_source(reference_.network(), reference_.train().domain, fake, n, options.seed);
  const double sampling = seconds_since(start);
  for (const MetricRow* row : rows) check_counts(*row, features, reference_.train(), options.allow_few);
  const int64_t n_floor = std::min(n, reference_.test().size());
  std::vector<Figure> figures;
  for (const MetricRow* row : rows) {
    const auto begin = std::chrono::steady_clock::now();
    const Measured measured = row->measure({reference_, features, labels, model, options.seed, true});
    const double seconds = sampling + seconds_since(begin);
    const int64_t least = least_samples(*row, features.size(1), options.allow_few);
    const std::vector<Value>* floors = nullptr;
    if (options.floors && row->floor && n_floor >= least) try {
        floors = &floor(*row, n_floor, options.seed);
      } catch (const UserError&) {  // too few test samples, of a class say, for what the generated ones suffice for
      }
    const bool has_floor = floors != nullptr;
    for (size_t i = 0; i < measured.values.size(); ++i) {
      Figure f = make_figure(*row, measured.values[i], measured, n, reference_.network());
      f.seed = options.seed;
      f.seconds = seconds;
      f.has_floor = has_floor;
      if (has_floor) f.floor = floors->at(i).value, f.n_floor = n_floor;
      figures.push_back(std::move(f));
    }
  }
  return figures;
}

Figure evaluate_statistics(const EvaluateOptions& options, const Moments& real, const Domain& domain,
                           const SampleSource& fake, FeatureNetwork& network) {
  const MetricRow& row = find_row(metric_table(), "metric", "fid");
  const int64_t n = options.samples > 0 ? options.samples : 10'000;
  const auto start = std::chrono::steady_clock::now();
  const at::Tensor features = features_of_source(network, domain, fake, n, options.seed).x;
  check_fake_count(row, features, options.allow_few);
  const Measured measured = {{fid_value(real, covariance_factor(real.covariance()), features, /*interval=*/true)}, 0};
  Figure f = make_figure(row, measured.values[0], measured, n, network);
  f.protocol = "statistics of a file against the generated samples";
  f.seed = options.seed;
  f.seconds = seconds_since(start);
  return f;
}

std::vector<Figure> evaluate(const EvaluateOptions& options, const Dataset& train, const Dataset& test,
                             const SampleSource& fake, FeatureNetwork& network, LatentModel* model) {
  return Evaluator(train, test, network).evaluate(options, fake, model);
}

}  // namespace obverse
