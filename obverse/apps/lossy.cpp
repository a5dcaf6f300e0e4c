#include "obverse/apps/lossy.h"

#include <ATen/ATen.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "obverse/core/autograd.h"
#include "obverse/core/error.h"
#include "obverse/infer/optimise.h"
#include "obverse/io/files.h"
#include "obverse/io/image.h"
#include "obverse/io/safetensors.h"

namespace obverse {

// An image's code that may be cut anywhere, and how long it is at the marks of BitPlanes.
struct EmbeddedCode {
  std::string bytes;
  std::vector<uint32_t> settled;
  size_t length(size_t mark) const {
    return std::min<size_t>(mark < settled.size() ? settled[mark] : bytes.size(), LossyCodec::kMostBytes);
  }
};

namespace {

constexpr int64_t kSlice = 250;
constexpr size_t kCheckBytes = 2;
constexpr const char* kRestoration = "restoration.";  // begins the names of its weights

at::Tensor as_floats(const at::Tensor& images) { return images.to(at::kFloat) / 127.5 - 1; }

void check_model(const LatentModel& model) {
  if (model.domain().kind != Domain::Kind::image)
    fail("{}: is of {}: lossy coding is for images", model.name, model.domain().text());
  if (!model.can_encode())
    fail("{}: has no encoder: train one for it (game.kind = \"encoder\"), or use a VAE", model.name);
  if (model.classes() > 0) fail("{}: needs labels, which are not coded: use an unconditional model", model.name);
  if (model.spaces().front().shape.size() != 1)
    fail("{}: its codes are not vectors: use a model with an encoder and z", model.name);
}

at::Tensor in_slices(const at::Tensor& x, const std::function<at::Tensor(const at::Tensor&)>& f) {
  std::vector<at::Tensor> parts;
  for (int64_t i = 0; i < x.size(0); i += kSlice) parts.push_back(f(x.slice(0, i, i + kSlice)));
  return at::cat(parts);
}

at::Tensor encode_all(LatentModel& model, const at::Tensor& x) {
  return in_slices(x, [&](const at::Tensor& part) { return model.encode(part, {}).flatten(1); });
}

// The mean over codes z [N, d] of J^T J, J by differences of a tenth of each number's spread: [d, d] float64.
at::Tensor mean_metric(LatentModel& model, const at::Tensor& z, const at::Tensor& spread) {
  const int64_t d = z.size(1);
  const at::Tensor change = 0.1 * spread.clamp_min(1e-3);
  at::Tensor sum = at::zeros({d, d}, at::kDouble);
  for (int64_t i = 0; i < z.size(0); ++i) {
    const at::Tensor around = at::cat({z.slice(0, i, i + 1), z[i] + at::diag(change)});
    const at::Tensor x = in_slices(around, [&](const at::Tensor& part) { return model.decode(part, {}).flatten(1); });
    const at::Tensor j = ((x.slice(0, 1) - x.slice(0, 0, 1)) / change.unsqueeze(1)).to(at::kDouble);  // [d, P]
    sum += at::mm(j, j.t());
  }
  return sum / static_cast<double>(z.size(0));
}

// Eigenvectors [n, k] of the k largest eigenvalues of a symmetric matrix, largest first, and those eigenvalues.
std::pair<at::Tensor, at::Tensor> principal(const at::Tensor& matrix, int64_t k) {
  const auto [values, vectors] = at::linalg_eigh(matrix);
  return {vectors.flip(1).slice(1, 0, k), values.flip(0).slice(0, 0, k)};
}

at::Tensor covariance(const at::Tensor& x) {
  const at::Tensor off = (x - x.mean(0)).to(at::kDouble);
  return at::mm(off.t(), off) / static_cast<double>(x.size(0));
}

at::Tensor refined(LatentModel& model, const at::Tensor& x, const at::Tensor& z, int64_t steps) {
  OptimiseOptions options;
  options.steps = steps;
  options.restarts = 1;
  Rng rng(0, "refinement");
  const Starts starts{z, {}, at::arange(x.size(0), at::kLong)};
  const c10::AutoGradMode on(true);  // it descends by gradients
  return optimise(model, x, starts, options, rng).code.detach();
}

// Bytes beside the code: its length, below 128 in one, and its checksum.
size_t overhead(size_t length) { return kCheckBytes + (length < 128 ? 1 : 2); }

void put_length(std::string& body, size_t length) {
  if (length < 128) {
    body += static_cast<char>(length);
  } else {
    body += static_cast<char>(128 | length >> 8);
    body += static_cast<char>(length);
  }
}

// How long each code is to be, so that they and what is beside them fit into `bytes`: as far as the last mark at which
// all do, and a little more, the same for each, of what is left then.
std::vector<size_t> common_lengths(const std::vector<EmbeddedCode>& codes, uint64_t bytes) {
  size_t low = 0, high = 0;  // fits, does not
  for (const EmbeddedCode& code : codes) high = std::max(high, code.settled.size() + 1);
  while (high > low + 1) {
    const size_t middle = (low + high) / 2;
    uint64_t sum = 0;
    for (const EmbeddedCode& code : codes) sum += code.length(middle) + overhead(code.length(middle));
    (sum <= bytes ? low : high) = middle;
  }
  std::vector<size_t> lengths;
  uint64_t left = bytes;
  for (const EmbeddedCode& code : codes) {
    lengths.push_back(code.length(low));
    left -= std::min<uint64_t>(left, lengths.back() + overhead(lengths.back()));
  }
  const uint64_t more = codes.empty() ? 0 : left / codes.size();
  for (size_t i = 0; i < codes.size(); ++i) {
    const size_t longer = std::min<size_t>(codes[i].bytes.size(), lengths[i] + more);
    if (longer >= 128 && lengths[i] < 128) continue;  // its length would take another byte
    lengths[i] = std::min<size_t>(longer, LossyCodec::kMostBytes);
  }
  return lengths;
}

// The code of image i, which begins at `at`; moves on to the next.
std::string next_code(const std::string& body, size_t& at, const std::string& where, int64_t i) {
  const auto byte = [&] {
    if (at >= body.size()) fail("{}: is damaged: it ends before image {}", where, i);
    return static_cast<size_t>(static_cast<uint8_t>(body[at++]));
  };
  size_t length = byte();
  if (length >= 128) length = (length - 128) << 8 | byte();
  if (body.size() - at < length + kCheckBytes) fail("{}: is damaged: it ends within image {}", where, i);
  std::string code = body.substr(at, length);
  const uint16_t check = crc16(code);
  const std::string found = body.substr(at + length, kCheckBytes);
  if (found != std::string{static_cast<char>(check), static_cast<char>(check >> 8)})
    fail("{}: image {} is damaged: its checksum does not fit", where, i);
  at += length + kCheckBytes;
  return code;
}

// The values of every image's coefficients [N, n] once all their bits are known.
at::Tensor known_values(const BitPlanes& planes, const at::Tensor& coefficients) {
  const at::Tensor c = coefficients.contiguous();
  at::Tensor result = at::empty_like(c);
  for (int64_t i = 0; i < c.size(0); ++i) {
    const std::vector<float> values = planes.value(planes.quantise(c.data_ptr<float>() + i * c.size(1)));
    std::copy(values.begin(), values.end(), result.data_ptr<float>() + i * c.size(1));
  }
  return result;
}

}  // namespace

at::Tensor LossyCodec::codes_of(const at::Tensor& numbers) const { return at::mm(numbers, to_codes_) + mean_; }
at::Tensor LossyCodec::numbers_of(const at::Tensor& codes) const { return at::mm(codes - mean_, to_numbers_); }

at::Tensor LossyCodec::picture(LatentModel& model, const at::Tensor& u) const {
  return in_slices(u, [&](const at::Tensor& part) { return model.decode(codes_of(part), {}).flatten(1); });
}

EmbeddedCode LossyCodec::encode(const float* u, const float* r) const {
  EmbeddedCode code;
  BitEncoder bits;
  code_planes_.encode(bits, code_planes_.quantise(u), kMostBytes, code.settled);
  residual_planes_.encode(bits, residual_planes_.quantise(r), kMostBytes, code.settled);
  code.bytes = bits.finish();
  return code;
}

at::Tensor LossyCodec::left_by(LatentModel& model, const at::Tensor& x, const at::Tensor& u) const {
  const at::Tensor left = x.flatten(1) - picture(model, known_values(code_planes_, u)) - residual_mean_;
  return at::mm(left, components_).contiguous();
}

CodedPictures LossyCodec::decode(LatentModel& model, const std::vector<std::string>& codes) const {
  const auto count = static_cast<int64_t>(codes.size()), d = code_planes_.size(), n = residual_planes_.size();
  at::Tensor u = at::empty({count, d}), r = at::empty({count, n}), known = at::empty({count, 2});
  for (int64_t i = 0; i < count; ++i) {
    BitDecoder bits(codes[static_cast<size_t>(i)]);
    auto* share = known.data_ptr<float>() + 2 * i;
    const std::vector<float> numbers = code_planes_.decode(bits, share[0]);
    const std::vector<float> rest = residual_planes_.decode(bits, share[1]);
    std::copy(numbers.begin(), numbers.end(), u.data_ptr<float>() + i * d);
    std::copy(rest.begin(), rest.end(), r.data_ptr<float>() + i * n);
  }
  std::vector<int64_t> sizes = model.domain().shape;
  sizes.insert(sizes.begin(), count);
  const at::Tensor drawn = picture(model, u);
  // A residual's mean is added where anything is known of the residual.
  const at::Tensor any = (r != 0).any(1, true).to(at::kFloat);
  return {(drawn + any * residual_mean_ + at::mm(r, components_.t())).view(sizes), drawn.view(sizes), known};
}

// A length between 2 bytes and all of a code: short ones as often as long ones.
size_t random_length(const std::string& code, double share) {
  const double all = static_cast<double>(std::max<size_t>(code.size(), 2));
  return static_cast<size_t>(2 * std::pow(all / 2, share));
}

LossyCodec LossyCodec::fit(LatentModel& model, const at::Tensor& images, const LossyFit& options,
                           const std::function<void(const std::string&)>& log) {
  check_model(model);
  return without_grad([&] {
    LossyCodec c;
    c.model_hash_ = model.hash;
    const at::Tensor x = as_floats(images), z = encode_all(model, x);
    const int64_t d = z.size(1);
    c.mean_ = z.mean(0);
    const at::Tensor metric = mean_metric(model, z.slice(0, 0, options.probes), z.std(0, true));
    // metric = V L V^T; w = L^(1/2) V^T (z - m) has the metric 1, and is turned to its own principal axes.
    auto [axes, weights] = principal(metric, d);
    const at::Tensor scale = weights.clamp_min(1e-6 * weights.max().item<double>()).sqrt();  // [d]
    const at::Tensor whiten = axes * scale;                                                  // [d, d]: w = z whiten
    const at::Tensor turned = principal(covariance(at::mm((z - c.mean_).to(at::kDouble), whiten)), d).first;
    c.to_numbers_ = at::mm(whiten, turned).to(at::kFloat);
    c.to_codes_ = at::mm(turned.t(), (axes / scale).t()).to(at::kFloat);
    const at::Tensor u = c.numbers_of(z).contiguous();
    c.code_planes_ = BitPlanes::learn(u, options.code_step);
    if (log) log(fmt::format("codes: {} numbers of {} images", d, x.size(0)));
    const at::Tensor left = x.flatten(1) - c.picture(model, known_values(c.code_planes_, u));
    c.residual_mean_ = left.mean(0);
    c.components_ =
        principal(covariance(left), std::min(options.coefficients, left.size(1))).first.to(at::kFloat).contiguous();
    const at::Tensor r = at::mm(left - c.residual_mean_, c.components_);
    c.residual_planes_ = BitPlanes::learn(r, options.residual_step);
    if (log)
      log(fmt::format("what codes leave: mean squared error {:.5f}, of which {} components hold {:.1f} %",
                      left.square().mean().item<double>(), r.size(1),
                      100 * (r.square().sum() / left.square().sum()).item<double>()));
    if (options.passes > 0) c.learn_restoration(model, x, u, r.contiguous(), options, log);
    return c;
  });
}

void LossyCodec::learn_restoration(LatentModel& model, const at::Tensor& x, const at::Tensor& u, const at::Tensor& r,
                                   const LossyFit& options, const std::function<void(const std::string&)>& log) {
  std::vector<std::string> codes;
  for (int64_t i = 0; i < x.size(0); ++i)
    codes.push_back(encode(u.data_ptr<float>() + i * u.size(1), r.data_ptr<float>() + i * r.size(1)).bytes);
  Rng rng(0, "restoration");
  const auto draw = [&](const at::Tensor& rows) {
    const at::Tensor shares = rng.uniform({rows.size(0)});
    std::vector<std::string> cut;
    for (int64_t i = 0; i < rows.size(0); ++i) {
      const std::string& code = codes[static_cast<size_t>(rows[i].item<int64_t>())];
      cut.push_back(code.substr(0, random_length(code, shares[i].item<double>())));
    }
    return std::pair{decode(model, cut), x.index_select(0, rows)};
  };
  Rng weights(0, "restoration's weights");
  restoration_ = std::make_shared<Restoration>(model.domain().shape[0], weights);
  if (log) log(fmt::format("restoration: {} passes over the images, some minutes", options.passes));
  restoration_->learn(x.size(0), options.passes, rng, draw, [&](double share) {
    if (log) log(fmt::format("restoration: {:.0f} %", 100 * share));
  });
  if (!log) return;
  const auto [coded, images] = draw(rng.integers(x.size(0), {std::min<int64_t>(x.size(0), 1000)}));
  const at::Tensor before = coded.picture.clamp(-1, 1) - images, after = restoration_->forward(coded) - images;
  log(fmt::format("restoration: leaves {:.1f} % of the squared error of pictures cut anywhere",
                  100 * (after.square().sum() / before.square().sum()).item<double>()));
}

void LossyCodec::save(const std::string& path) const {
  NamedTensors tensors = {{"code_mean", mean_},
                          {"to_numbers", to_numbers_},
                          {"to_codes", to_codes_},
                          {"residual_mean", residual_mean_},
                          {"components", components_}};
  code_planes_.save(tensors, "code.");
  residual_planes_.save(tensors, "residual.");
  if (restoration_)
    for (const auto& entry : restoration_->state(kRestoration)) tensors.push_back(entry);
  write_safetensors(path, tensors, {{"format", "obverse-codec"}, {"model_hash", model_hash_}});
}

LossyCodec LossyCodec::load(const std::string& path, const LatentModel& model) {
  check_model(model);
  const TensorFile file = read_safetensors(path);
  if (!file.metadata.count("model_hash")) fail("{}: is not a codec that obverse compress --lossy wrote", path);
  LossyCodec c;
  c.model_hash_ = file.metadata.at("model_hash");
  if (c.model_hash_ != model.hash)
    fail("{}: is a codec for another model (SHA-256 {:.8}...), not for {} ({:.8}...): fit it anew", path, c.model_hash_,
         model.name, model.hash);
  c.hash_ = sha256(read_file(path));
  const Domain& domain = model.domain();
  const int64_t pixels = domain.shape[0] * domain.shape[1] * domain.shape[2], d = model.spaces().front().shape[0];
  c.code_planes_ = BitPlanes::load(file.tensors, "code.", path);
  c.residual_planes_ = BitPlanes::load(file.tensors, "residual.", path);
  const auto tensor = [&](const char* name, std::vector<int64_t> shape) {
    const at::Tensor t = find_tensor(file.tensors, name, path);
    if (t.scalar_type() != at::kFloat || t.sizes() != at::IntArrayRef(shape) || !at::isfinite(t).all().item<bool>())
      fail("{}: its {} is {}, for this model it has to be {}: fit it anew", path, name, fmt::join(t.sizes(), "x"),
           fmt::join(shape, "x"));
    return t;
  };
  c.mean_ = tensor("code_mean", {d});
  c.to_numbers_ = tensor("to_numbers", {d, d});
  c.to_codes_ = tensor("to_codes", {d, d});
  c.residual_mean_ = tensor("residual_mean", {pixels});
  c.components_ = tensor("components", {pixels, c.residual_planes_.size()});
  NamedTensors restoration;
  for (const auto& [name, weight] : file.tensors)
    if (name.rfind(kRestoration, 0) == 0) restoration.emplace_back(name, weight);
  if (!restoration.empty()) {
    Rng unused(0);
    c.restoration_ = std::make_shared<Restoration>(domain.shape[0], unused);
    copy_named(c.restoration_->state(kRestoration), restoration, path);
    c.restoration_->set_requires_grad(false);
  }
  if (c.code_planes_.size() != d)
    fail("{}: codes {} numbers, the model has {}: fit it anew", path, c.code_planes_.size(), d);
  return c;
}

std::string LossyCodec::compress(LatentModel& model, const at::Tensor& images, int64_t bytes, int64_t refine) const {
  const Domain& domain = model.domain();
  if (images.dim() != 4 || images.sizes().slice(1) != at::IntArrayRef(domain.shape))
    fail("images are {}, the model {} is of {}: resize them", fmt::join(images.sizes().slice(1), "x"), model.name,
         fmt::join(domain.shape, "x"));
  if (bytes < kLeastBytes || bytes > kMostBytes)
    fail("{} bytes an image: from {} to {} are possible", bytes, kLeastBytes, kMostBytes);
  return without_grad([&] {
    std::vector<EmbeddedCode> codes;
    for (int64_t begin = 0; begin < images.size(0); begin += kSlice) {
      const at::Tensor x = as_floats(images.slice(0, begin, begin + kSlice));
      at::Tensor z = model.encode(x, {});
      if (refine > 0) z = refined(model, x, z, refine);
      const at::Tensor u = numbers_of(z.flatten(1)).contiguous();
      const at::Tensor r = left_by(model, x, u);
      for (int64_t i = 0; i < x.size(0); ++i)
        codes.push_back(encode(u.data_ptr<float>() + i * u.size(1), r.data_ptr<float>() + i * r.size(1)));
    }
    const std::vector<size_t> lengths = common_lengths(codes, static_cast<uint64_t>(bytes) * codes.size());
    std::string body;
    for (size_t i = 0; i < codes.size(); ++i) {
      const std::string part = codes[i].bytes.substr(0, lengths[i]);
      const uint16_t check = crc16(part);
      put_length(body, part.size());
      body += part + static_cast<char>(check) + static_cast<char>(check >> 8);
    }
    return write_bitstream({Bitstream::Kind::lossy, hash_, domain.shape, images.size(0), body});
  });
}

at::Tensor LossyCodec::decompress(LatentModel& model, const Bitstream& stream, const std::string& where,
                                  int64_t bytes) const {
  const std::string& body = stream.body;
  check_made_with(stream, where, hash_, "the codec of " + model.name, model.domain().shape);
  if (bytes != 0 && bytes < kLeastBytes) fail("--bytes {}: an image has {} at least", bytes, kLeastBytes);
  if (static_cast<uint64_t>(stream.count) * (kLeastBytes - 1) > body.size())
    fail("{}: is damaged: {} images cannot be in {} bytes", where, stream.count, body.size());
  return without_grad([&] {
    std::vector<std::string> codes;
    size_t at = 0;
    for (int64_t i = 0; i < stream.count; ++i) {
      std::string code = next_code(body, at, where, i);
      if (bytes != 0) code.resize(std::min(code.size(), static_cast<size_t>(bytes) - overhead(code.size())));
      codes.push_back(std::move(code));
    }
    if (at != body.size()) fail("{}: is damaged: {} bytes are left over", where, body.size() - at);
    std::vector<int64_t> sizes = model.domain().shape;
    sizes.insert(sizes.begin(), stream.count);
    if (stream.count == 0) return at::empty(sizes, at::kByte);
    std::vector<at::Tensor> parts;
    for (size_t begin = 0; begin < codes.size(); begin += kSlice) {
      const auto first = codes.begin() + static_cast<int64_t>(begin);
      const auto some = std::min<int64_t>(kSlice, codes.end() - first);
      const CodedPictures coded = decode(model, {first, first + some});
      parts.push_back(to_bytes(restoration_ ? restoration_->forward(coded) : coded.picture));
    }
    return at::cat(parts);
  });
}

}  // namespace obverse
