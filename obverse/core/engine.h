#pragma once

#include <cstdint>
#include <string>

namespace obverse {

/// To be called first in main: sets the number of threads (`threads`, or OMP_NUM_THREADS, or every core) and lets
/// denormal numbers be zero.
void start_engine(int threads = 0);

/// Bytes of memory that the machine, or the container that the program runs in, has; 0: not known.
uint64_t memory_size();

/// From now on the program is refused what does not fit into memory_size() (std::bad_alloc), where the system would
/// kill it later without a word.
void limit_memory();

/// Whether the processor multiplies bfloat16 natively (AVX512-BF16 or AMX).
bool processor_has_bfloat16();

/// Whether it has matrix units for bfloat16 (AMX) and the kernel lets programs use them. OBVERSE_TILES=0 in the
/// environment says no.
bool processor_has_tiles();

/// Measures a matrix product, GFLOP/s on one thread; about 3 on the reference BLAS, 50 and more on an optimised one.
double measure_blas_gflops();

/// A sentence for the user when the BLAS found is too slow to train with; empty when it is fine.
std::string blas_warning();

/// One line for logs: LibTorch's version, threads, which kernels the processor allows, the BLAS.
std::string engine_summary();

}  // namespace obverse
