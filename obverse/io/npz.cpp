#include "obverse/io/npz.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "obverse/core/error.h"
#include "obverse/io/files.h"
#include "obverse/io/zip.h"

namespace obverse {
namespace {

struct DtypeRow {
  const char* name;  // as NPY writes it, without the byte order
  at::ScalarType type;
};
constexpr DtypeRow kDtypes[] = {{"u1", at::kByte}, {"i1", at::kChar},  {"i2", at::kShort},
                                {"i4", at::kInt},  {"i8", at::kLong},  {"b1", at::kBool},
                                {"f2", at::kHalf}, {"f4", at::kFloat}, {"f8", at::kDouble}};
const std::string kMagic = "\x93NUMPY";

struct Header {
  at::ScalarType type;
  bool fortran;
  std::vector<int64_t> shape;
};

// The text after `'key':` in the header, which is a Python dictionary on one line.
std::string_view value_of(std::string_view header, std::string_view key, const std::string& where) {
  for (const char quote : {'\'', '"'}) {
    const std::string quoted = quote + std::string(key) + quote;
    size_t at = header.find(quoted);
    if (at == std::string_view::npos) continue;
    at = header.find_first_not_of(" ", at + quoted.size());
    if (at == std::string_view::npos || header[at] != ':') break;
    at = header.find_first_not_of(" ", at + 1);
    if (at != std::string_view::npos) return header.substr(at);
  }
  fail("{}: the NPY header has no '{}': the file is damaged", where, key);
}

at::ScalarType parse_dtype(std::string_view text, const std::string& where) {
  const size_t close = text.empty() ? std::string_view::npos : text.find(text[0], 1);
  if (close == std::string_view::npos || (text[0] != '\'' && text[0] != '"'))
    fail("{}: arrays with several fields are not supported: save a plain array", where);
  const std::string descr(text.substr(1, close - 1));
  for (const DtypeRow& row : kDtypes)
    if (descr.size() == 3 && descr.substr(1) == row.name && std::strchr("<|=", descr[0])) return row.type;
  fail("{}: dtype '{}' is not supported: save it as uint8, int64 or float32", where, descr);
}

std::vector<int64_t> parse_shape(std::string_view text, const std::string& where) {
  std::vector<int64_t> shape;
  const size_t close = text.find(')');
  if (text[0] != '(' || close == std::string_view::npos) fail("{}: the NPY header's shape is damaged", where);
  std::optional<int64_t> number;
  for (const char c : text.substr(1, close)) {
    if (c >= '0' && c <= '9') {
      number = number.value_or(0) * 10 + (c - '0');
      if (*number > (int64_t{1} << 40)) fail("{}: the array's shape is absurd", where);
    } else if (c == ',' || c == ')') {
      if (number) shape.push_back(*number);
      number.reset();
    } else if (c != ' ' && c != 'L') {
      fail("{}: the NPY header's shape is damaged", where);
    }
  }
  if (shape.size() > 32) fail("{}: an array of {} dimensions", where, shape.size());
  return shape;
}

// Returns the header and sets `at` to where the data begin.
Header parse_header(const std::string& bytes, const std::string& where, size_t& at) {
  if (bytes.compare(0, kMagic.size(), kMagic) != 0) fail("{}: not an NPY array", where);
  if (bytes.size() < 12) fail("{}: the NPY header is cut short", where);
  const int major = bytes[6];
  if (major < 1 || major > 3) fail("{}: NPY version {} is not supported", where, major);
  const int width = major == 1 ? 2 : 4;
  size_t length = 0;
  for (int i = 0; i < width; ++i) length |= static_cast<size_t>(static_cast<unsigned char>(bytes[8 + i])) << (8 * i);
  at = 8 + static_cast<size_t>(width) + length;
  if (at > bytes.size()) fail("{}: the NPY header is cut short", where);
  const std::string_view text(bytes.data() + 8 + width, length);
  const std::string_view order = value_of(text, "fortran_order", where);
  return {parse_dtype(value_of(text, "descr", where), where), order.substr(0, 4) == "True",
          parse_shape(value_of(text, "shape", where), where)};
}

at::Tensor parse_array(const std::string& bytes, const std::string& where) {
  size_t at = 0;
  Header header = parse_header(bytes, where, at);
  uint64_t needed = c10::elementSize(header.type), extent = needed;
  for (const int64_t size : header.shape) {
    if (static_cast<uint64_t>(std::max<int64_t>(1, size)) > (uint64_t{1} << 40) / extent)
      fail("{}: the array's shape is absurd", where);
    needed *= static_cast<uint64_t>(size);
    extent *= static_cast<uint64_t>(std::max<int64_t>(1, size));
  }
  if (bytes.size() - at != needed)
    fail("{}: {} bytes of data, the shape needs {}: the file is damaged", where, bytes.size() - at, needed);
  if (header.fortran) std::reverse(header.shape.begin(), header.shape.end());
  const bool boolean = header.type == at::kBool;
  at::Tensor array = at::empty(header.shape, at::TensorOptions().dtype(boolean ? at::kByte : header.type));
  if (needed) std::memcpy(array.data_ptr(), bytes.data() + at, needed);
  if (boolean) array = array.ne(0);
  if (!header.fortran) return array;
  std::vector<int64_t> axes;
  for (int64_t axis = array.dim(); axis-- > 0;) axes.push_back(axis);
  return array.permute(axes).contiguous();
}

std::string array_bytes(const at::Tensor& tensor, const std::string& name) {
  const at::Tensor plain = tensor.detach().cpu().contiguous();
  std::string descr;
  for (const DtypeRow& row : kDtypes)
    if (row.type == plain.scalar_type()) descr = (plain.element_size() == 1 ? "|" : "<") + std::string(row.name);
  if (descr.empty()) throw std::logic_error("NPZ cannot hold the dtype of " + name);
  std::string shape;
  for (const int64_t size : plain.sizes()) shape += std::to_string(size) + ",";
  std::string header = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}", descr, shape);
  header.resize((header.size() + 11 + 63) / 64 * 64 - 10, ' ');  // data begin at a multiple of 64
  header.back() = '\n';
  std::string bytes = kMagic + std::string("\x01\x00", 2);
  bytes += static_cast<char>(header.size() & 255);
  bytes += static_cast<char>(header.size() >> 8);
  bytes += header;
  return bytes.append(static_cast<const char*>(plain.data_ptr()), plain.nbytes());
}

}  // namespace

NamedTensors read_npz(const std::string& path) {
  const std::string start = read_file_start(path, kMagic.size());
  if (start == kMagic) return {{"arr_0", parse_array(read_file(path), path)}};
  NamedTensors arrays;
  const ZipReader zip(path);
  for (const std::string& member : zip.names()) {
    const bool npy = member.size() > 4 && member.compare(member.size() - 4, 4, ".npy") == 0;
    if (!npy) fail("{}: member '{}' is not an NPY array", path, member);
    arrays.emplace_back(member.substr(0, member.size() - 4), parse_array(zip.read(member), path + ": " + member));
  }
  return arrays;
}

void write_npz(const std::string& path, const NamedTensors& arrays) {
  std::vector<std::pair<std::string, std::string>> members;
  for (const auto& [name, tensor] : arrays) members.emplace_back(name + ".npy", array_bytes(tensor, name));
  write_zip(path, members);
}

at::Tensor text_array(const std::string& text) {
  return at::tensor(std::vector<uint8_t>(text.begin(), text.end()), at::kByte);
}

std::string text_of(const at::Tensor& array) {
  const at::Tensor bytes = array.contiguous();
  if (bytes.scalar_type() != at::kByte) return "";
  return {reinterpret_cast<const char*>(bytes.data_ptr<uint8_t>()), static_cast<size_t>(bytes.numel())};
}

}  // namespace obverse
