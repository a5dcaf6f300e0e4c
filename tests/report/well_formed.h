#pragma once

#include <cctype>
#include <string>
#include <vector>

namespace obverse {

/// What is wrong with a page as XML: tags that do not nest, attributes without quotes, bare '<' or '&'. Empty: nothing.
/// Knows what our pages use: elements, attributes, entities, one DOCTYPE, CDATA in scripts.
inline std::string xml_problem(const std::string& page) {
  std::vector<std::string> open;
  const auto near = [&](const char* what, size_t at) { return std::string(what) + " near: " + page.substr(at, 80); };
  for (size_t at = 0; at < page.size();) {
    if (page[at] == '&') {
      const size_t end = page.find(';', at);
      if (end == std::string::npos || end > at + 8) return near("bare &", at);
      at = end + 1;
    } else if (page.compare(at, 9, "<![CDATA[") == 0 || page.compare(at, 9, "<!DOCTYPE") == 0) {
      const std::string close = page[at + 2] == '[' ? "]]>" : ">";
      const size_t end = page.find(close, at);
      if (end == std::string::npos) return near("never closed", at);
      at = end + close.size();
    } else if (page[at] != '<') {
      ++at;
    } else {
      size_t i = at + 1;
      const bool closes = page[i] == '/';
      if (closes) ++i;
      const size_t name_at = i;
      while (i < page.size() && std::isalnum(static_cast<unsigned char>(page[i]))) ++i;
      const std::string name = page.substr(name_at, i - name_at);
      if (name.empty()) return near("bare <", at);
      while (i < page.size() && page[i] == ' ') {
        const size_t quote = page.find_first_of("\"<>", i);
        if (page[quote] != '"' || page[quote - 1] != '=') break;
        const size_t end = page.find_first_of("\"<", quote + 1);
        if (page[end] != '"') return near("'<' in an attribute", at);
        i = end + 1;
      }
      const bool empty = page[i] == '/';
      if (empty) ++i;
      if (page[i] != '>') return near("malformed tag", at);
      if (closes && (open.empty() || open.back() != name)) return near("closes another tag", at);
      if (closes) open.pop_back();
      if (!closes && !empty) open.push_back(name);
      at = i + 1;
    }
  }
  return open.empty() ? "" : "never closed: " + open.back();
}

}  // namespace obverse
