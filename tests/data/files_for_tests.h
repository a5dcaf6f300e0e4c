#pragma once

#include <ATen/ATen.h>

#include <string>
#include <vector>

#include "obverse/io/image.h"
#include "tests/io/refused.h"

namespace obverse::testing {

/// An IDX file of unsigned bytes, as MNIST's.
inline std::string idx(const at::Tensor& bytes) {
  std::string text = {0, 0, 8, static_cast<char>(bytes.dim())};
  for (const int64_t size : bytes.sizes())
    for (const int shift : {24, 16, 8, 0}) text += static_cast<char>(size >> shift);
  return text.append(static_cast<const char*>(bytes.contiguous().data_ptr()), bytes.nbytes());
}

/// Picture number i of a made-up set: [channels, size, size] in which the first two pixels of every channel spell i.
inline at::Tensor numbered(int64_t i, int64_t channels = 1, int64_t size = 4) {
  at::Tensor image = at::full({channels, size, size}, 100, at::kByte);
  image.select(1, 0).select(1, 0).fill_(i / 256);
  image.select(1, 0).select(1, 1).fill_(i % 256);
  return image;
}

/// The number that `numbered` put into each picture: [N] from uint8 [N, C, H, W].
inline at::Tensor numbers_in(const at::Tensor& images) {
  const at::Tensor row = images.select(1, 0).select(1, 0).to(at::kLong);
  return row.select(1, 0) * 256 + row.select(1, 1);
}

/// The four files of MNIST in small: `train` and `test` numbered pictures, the label of number i is i % 10. Test
/// pictures are numbered from 30,000.
inline void put_small_mnist(const std::string& folder, int64_t train = 60, int64_t test = 30) {
  const auto put_split = [&](const std::string& stem, int64_t first, int64_t n) {
    std::vector<at::Tensor> images;
    for (int64_t i = 0; i < n; ++i) images.push_back(numbered(first + i)[0]);
    put(folder + "/" + stem + "-images-idx3-ubyte", idx(at::stack(images)));
    put(folder + "/" + stem + "-labels-idx1-ubyte", idx(at::arange(n).remainder(10).to(at::kByte)));
  };
  put_split("train", 0, train);
  put_split("t10k", 30'000, test);
}

/// Class folders cats/ and dogs/ of `each` numbered pictures; dogs are numbered on from cats.
inline void put_class_folders(const std::string& folder, int64_t each, int64_t first = 0, int64_t channels = 1) {
  for (int64_t i = 0; i < 2 * each; ++i)
    put(folder + (i < each ? "/cats/" : "/dogs/") + std::to_string(first + i) + ".png",
        encode_png(numbered(first + i, channels)));
}

}  // namespace obverse::testing
