#include "obverse/io/safetensors.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>
#include <string_view>
#include <tuple>
#include <utility>

#include "obverse/core/error.h"
#include "obverse/io/files.h"

namespace obverse {
namespace {

using Json = nlohmann::ordered_json;

struct DtypeRow {
  const char* name;
  at::ScalarType type;
};
constexpr DtypeRow kDtypes[] = {{"F64", at::kDouble}, {"F32", at::kFloat}, {"F16", at::kHalf},  {"BF16", at::kBFloat16},
                                {"I64", at::kLong},   {"I32", at::kInt},   {"I16", at::kShort}, {"I8", at::kChar},
                                {"U8", at::kByte},    {"BOOL", at::kBool}};
constexpr uint64_t kMaxHeader = 100'000'000;  // the format's own limit

// How a file begins that carries its own checksum: the CRC-32 of all bytes after the header's length, its own eight
// digits taken as zeros. The format has none, and a flipped bit in a weight shows nowhere.
constexpr std::string_view kSealed = R"({"__metadata__":{"crc32":")", kNoDigits = "00000000";

std::string checksum(std::string_view body) {
  uLong crc = 0;
  const auto add = [&](std::string_view part) {
    crc = crc32_z(crc, reinterpret_cast<const Bytef*>(part.data()), part.size());
  };
  add(kSealed);
  add(kNoDigits);
  add(body.substr(kSealed.size() + kNoDigits.size()));
  return fmt::format("{:08x}", crc);
}

// Files of other programs have no checksum, or a key of that name further back: they are taken as they are.
void check_checksum(std::string_view body, const std::string& path) {
  if (body.substr(0, kSealed.size()) != kSealed || body.size() < kSealed.size() + kNoDigits.size()) return;
  if (body.substr(kSealed.size(), kNoDigits.size()) != checksum(body))
    fail("{}: its bytes do not match their checksum: the file is damaged or was altered", path);
}

// Where a tensor's bytes lie in the data that follow the header.
struct Entry {
  std::string name;
  at::ScalarType type;
  std::vector<int64_t> shape;
  uint64_t begin, end;
};

const char* dtype_name(at::ScalarType type, const std::string& tensor) {
  for (const DtypeRow& row : kDtypes)
    if (row.type == type) return row.name;
  throw std::logic_error("safetensors cannot hold the dtype of " + tensor);
}

at::ScalarType find_dtype(const std::string& name, const std::string& tensor, const std::string& path) {
  for (const DtypeRow& row : kDtypes)
    if (name == row.name) return row.type;
  fail("{}: tensor '{}' has the dtype '{}', which is not supported", path, tensor, name);
}

// Bytes that a tensor of this shape takes; refuses negative and absurd sizes before anything is multiplied.
uint64_t byte_count(const Entry& entry, const std::string& path) {
  constexpr uint64_t kLimit = uint64_t{1} << 40;
  uint64_t bytes = c10::elementSize(entry.type);
  uint64_t extent = bytes;  // without the zeros: strides must not overflow either
  for (const int64_t size : entry.shape) {
    if (size < 0 || static_cast<uint64_t>(size) > kLimit / extent)
      fail("{}: tensor '{}' has an impossible shape", path, entry.name);
    bytes *= static_cast<uint64_t>(size);
    extent *= std::max<uint64_t>(1, static_cast<uint64_t>(size));
  }
  return bytes;
}

// nlohmann keeps the first of two equal keys in silence; a file that says two things about one tensor is refused.
Json parse_header(const char* begin, const char* end, const std::string& path) {
  std::vector<std::set<std::string>> keys;
  const auto watch = [&](int depth, Json::parse_event_t event, Json& parsed) {
    if (depth > 8) fail("{}: the safetensors header is nested too deeply", path);
    if (event == Json::parse_event_t::object_start) keys.emplace_back();
    if (event == Json::parse_event_t::object_end) keys.pop_back();
    if (event == Json::parse_event_t::key && !keys.back().insert(parsed.get<std::string>()).second)
      fail("{}: the safetensors header names '{}' twice", path, parsed.get<std::string>());
    return true;
  };
  try {
    return Json::parse(begin, end, watch);
  } catch (const Json::exception&) {
    fail("{}: the safetensors header is not valid JSON: the file is damaged", path);
  }
}

Entry read_entry(const std::string& name, const Json& value, uint64_t data_size, const std::string& path) {
  try {
    Entry entry{name, find_dtype(value.at("dtype").get<std::string>(), name, path), {}, 0, 0};
    for (const Json& size : value.at("shape"))
      entry.shape.push_back(size.is_number_unsigned() ? static_cast<int64_t>(size.get<uint64_t>()) : -1);
    const Json& offsets = value.at("data_offsets");
    if (offsets.size() != 2 || !offsets[0].is_number_unsigned() || !offsets[1].is_number_unsigned())
      fail("{}: tensor '{}' has malformed data_offsets", path, name);
    entry.begin = offsets[0].get<uint64_t>(), entry.end = offsets[1].get<uint64_t>();
    if (entry.end > data_size || entry.begin > entry.end)
      fail("{}: tensor '{}' lies outside the file: it is cut short or damaged", path, name);
    if (entry.end - entry.begin != byte_count(entry, path))
      fail("{}: tensor '{}' has {} bytes, its shape needs {}", path, name, entry.end - entry.begin,
           byte_count(entry, path));
    return entry;
  } catch (const Json::exception&) {
    fail("{}: the safetensors header says '{}' wrongly: the file is damaged", path, name);
  }
}

// The format asks that tensors cover the data without overlaps or holes.
void check_cover(std::vector<Entry> entries, uint64_t data_size, const std::string& path) {
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return std::tie(a.begin, a.end) < std::tie(b.begin, b.end); });
  uint64_t covered = 0;
  for (const Entry& entry : entries) {
    if (entry.begin < covered) fail("{}: tensor '{}' overlaps another: the file is damaged", path, entry.name);
    if (entry.begin > covered) fail("{}: unused bytes before tensor '{}': the file is damaged", path, entry.name);
    covered = entry.end;
  }
  if (covered != data_size) fail("{}: {} bytes after the last tensor: the file is damaged", path, data_size - covered);
}

at::Tensor read_tensor(const Entry& entry, const char* data) {
  const bool boolean = entry.type == at::kBool;  // any byte may stand in the file, only 0 and 1 in a bool
  at::Tensor tensor = at::empty(entry.shape, at::TensorOptions().dtype(boolean ? at::kByte : entry.type));
  if (entry.end > entry.begin) std::memcpy(tensor.data_ptr(), data + entry.begin, entry.end - entry.begin);
  return boolean ? tensor.ne(0) : tensor;
}

// The order of the tensors' bytes: wide elements first, so that each is aligned to its own element size.
std::vector<size_t> wide_first(const NamedTensors& tensors) {
  std::vector<size_t> order(tensors.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return tensors[a].second.element_size() > tensors[b].second.element_size();
  });
  return order;
}

Json make_header(const NamedTensors& tensors, const std::vector<size_t>& order,
                 const std::map<std::string, std::string>& metadata) {
  std::vector<uint64_t> begins(tensors.size());
  uint64_t total = 0;
  for (const size_t i : order) begins[i] = std::exchange(total, total + tensors[i].second.nbytes());
  Json header = Json::object();
  header["__metadata__"] = {{"crc32", kNoDigits}};
  for (const auto& [key, value] : metadata) header["__metadata__"][key] = value;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const auto& [name, tensor] = tensors[i];
    if (name == "__metadata__" || header.contains(name)) throw std::logic_error("two tensors are called " + name);
    header[name] = {{"dtype", dtype_name(tensor.scalar_type(), name)},
                    {"shape", tensor.sizes().vec()},
                    {"data_offsets", {begins[i], begins[i] + tensor.nbytes()}}};
  }
  return header;
}

void read_metadata(const Json& value, TensorFile& file, const std::string& path) {
  if (!value.is_object()) fail("{}: the safetensors metadata is not a table of texts", path);
  for (const auto& [key, text] : value.items()) {
    if (!text.is_string()) fail("{}: the safetensors metadata '{}' is not a text", path, key);
    if (key != "crc32") file.metadata[key] = text.get<std::string>();
  }
}

}  // namespace

void write_safetensors(const std::string& path, const NamedTensors& tensors,
                       const std::map<std::string, std::string>& metadata) {
  const std::vector<size_t> order = wide_first(tensors);
  std::string text;
  try {
    text = make_header(tensors, order, metadata).dump();
  } catch (const Json::exception&) {
    fail("cannot write {}: a name or the metadata is not UTF-8 text", path);
  }
  text.resize((text.size() + 7) / 8 * 8, ' ');
  std::string bytes(8, '\0');
  for (int i = 0; i < 8; ++i) bytes[i] = static_cast<char>(static_cast<uint64_t>(text.size()) >> (8 * i));
  bytes += text;
  for (const size_t i : order) {
    const at::Tensor plain = tensors[i].second.detach().cpu().contiguous();
    bytes.append(static_cast<const char*>(plain.data_ptr()), plain.nbytes());
  }
  bytes.replace(8 + kSealed.size(), kNoDigits.size(), checksum(std::string_view(bytes).substr(8)));
  write_file(path, bytes);
}

TensorFile read_safetensors(const std::string& path) {
  const std::string bytes = read_file(path);
  uint64_t header_size = 0;
  if (bytes.size() < 9) fail("{}: {} bytes: not a safetensors file, or cut short", path, bytes.size());
  for (int i = 0; i < 8; ++i) header_size |= static_cast<uint64_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
  // cppcheck-suppress containerOutOfBounds; fail() does not return
  if (bytes[8] != '{' || header_size > kMaxHeader) fail("{}: not a safetensors file", path);
  if (header_size > bytes.size() - 8) fail("{}: the safetensors header is cut short", path);
  const char* data = bytes.data() + 8 + header_size;
  const uint64_t data_size = bytes.size() - 8 - header_size;
  const Json header = parse_header(bytes.data() + 8, data, path);
  TensorFile file;
  std::vector<Entry> entries;
  for (const auto& [name, value] : header.items()) {
    if (name == "__metadata__") {
      read_metadata(value, file, path);
    } else {
      entries.push_back(read_entry(name, value, data_size, path));
    }
  }
  check_cover(entries, data_size, path);
  check_checksum(std::string_view(bytes).substr(8), path);  // last: what was cut short is better told so
  for (const Entry& entry : entries) file.tensors.emplace_back(entry.name, read_tensor(entry, data));
  return file;
}

}  // namespace obverse
