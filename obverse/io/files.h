#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace obverse {

/// The whole file. Throws UserError with the path when it is missing, unreadable, a folder, or larger than max_bytes.
std::string read_file(const std::string& path, uint64_t max_bytes = uint64_t{1} << 34);

/// Its first bytes, as many as there are up to `count`: what kind of file it is. Throws as read_file.
std::string read_file_start(const std::string& path, size_t count);

/// Writes a temporary file beside `path`, flushes it to disk and renames it: `path` is the old or the new content,
/// whole. Throws UserError that names the path and the cause (no permission, disk full); the old file is then
/// untouched. A symbolic link is followed; a device or pipe is written straight.
void write_file(const std::string& path, const std::string& bytes);

/// Writes a whole folder aside (`fill` gets its path), flushes it and renames it to `path`, replacing what was there.
/// One writer of a path at a time; what a killed one left (`path`.tmp) is cleared away. Throws as write_file, or what
/// `fill` throws.
void write_directory(const std::string& path, const std::function<void(const std::string& directory)>& fill);

/// SHA-256 of bytes, 64 hexadecimal digits.
std::string sha256(const std::string& bytes);
std::string sha256(const void* bytes, size_t size);

/// Inflates gzip data. Throws UserError naming `where` when it is damaged, cut short or larger than max_bytes inflated.
std::string gunzip(const std::string& bytes, const std::string& where, uint64_t max_bytes = uint64_t{1} << 34);

}  // namespace obverse
