#include <openssl/evp.h>
#include <zlib.h>

#include <algorithm>
#include <memory>
#include <stdexcept>

#include "obverse/core/error.h"
#include "obverse/io/files.h"

namespace obverse {

std::string sha256(const void* bytes, size_t size) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int length = 0;
  if (EVP_Digest(bytes, size, digest, &length, EVP_sha256(), nullptr) != 1)
    throw std::logic_error("libcrypto refuses SHA-256");
  std::string text;
  for (unsigned int i = 0; i < length; ++i) text += fmt::format("{:02x}", digest[i]);
  return text;
}

std::string sha256(const std::string& bytes) { return sha256(bytes.data(), bytes.size()); }

std::string gunzip(const std::string& bytes, const std::string& where, uint64_t max_bytes) {
  z_stream stream{};
  if (inflateInit2(&stream, 16 + MAX_WBITS) != Z_OK) throw std::bad_alloc();
  const std::unique_ptr<z_stream, int (*)(z_stream*)> guard(&stream, inflateEnd);
  std::string result, chunk(size_t{1} << 18, '\0');
  size_t taken = 0;
  for (int status = Z_OK;;) {
    if (status == Z_STREAM_END && taken == bytes.size()) return result;
    if (status == Z_STREAM_END) inflateReset(&stream);  // gzip files may be joined end to end
    const size_t given = std::min(bytes.size() - taken, size_t{1} << 30);
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data())) + taken;
    stream.avail_in = static_cast<uInt>(given);
    stream.next_out = reinterpret_cast<Bytef*>(chunk.data());
    stream.avail_out = static_cast<uInt>(chunk.size());
    status = inflate(&stream, Z_NO_FLUSH);
    taken += given - stream.avail_in;
    const size_t got = chunk.size() - stream.avail_out;
    if (status == Z_BUF_ERROR || (status == Z_OK && got == 0 && taken == bytes.size()))
      fail("{}: the gzip data is cut short: fetch the file again", where);
    if (status != Z_OK && status != Z_STREAM_END) fail("{}: damaged gzip data: fetch the file again", where);
    if (result.size() + got > max_bytes) fail("{}: inflates to more than the {} bytes allowed", where, max_bytes);
    result.append(chunk, 0, got);
  }
}

}  // namespace obverse
