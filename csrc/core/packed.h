// The documents of a packed batch, as `cu_seqlens` describes them. Torch-free.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

namespace jnrf {

struct Document {
  int64_t first;   // its first token
  int64_t length;  // in tokens, may be 0
};

// What is wrong with `cu_seqlens` (bounds of `documents` documents over `tokens` tokens), in a
// sentence with the values, or an empty string.
inline std::string packed_error(const int32_t* cu_seqlens, int64_t documents, int64_t tokens) {
  if (cu_seqlens[0] != 0) {
    return "cu_seqlens must start at 0, but starts at " + std::to_string(cu_seqlens[0]);
  }
  for (int64_t b = 0; b < documents; ++b) {
    if (cu_seqlens[b + 1] < cu_seqlens[b]) {
      return "cu_seqlens must not decrease, but goes from " + std::to_string(cu_seqlens[b]) +
             " to " + std::to_string(cu_seqlens[b + 1]) + " at document " + std::to_string(b);
    }
  }
  if (cu_seqlens[documents] != tokens) {
    return "cu_seqlens must end at the number of tokens, " + std::to_string(tokens) +
           ", but ends at " + std::to_string(cu_seqlens[documents]);
  }
  return {};
}

inline std::vector<Document> packed_documents(const int32_t* cu_seqlens, int64_t documents) {
  std::vector<Document> result(documents);
  for (int64_t b = 0; b < documents; ++b) {
    result[b] = {cu_seqlens[b], cu_seqlens[b + 1] - cu_seqlens[b]};
  }
  return result;
}

// The same cut into windows of `window` tokens, each a document of its own. The first window of a
// document is `shift % window` tokens short, the last one ends with it.
inline std::vector<Document> packed_windows(const std::vector<Document>& documents, int64_t window,
                                            int64_t shift) {
  std::vector<Document> result;
  for (const Document& document : documents) {
    const int64_t end = document.first + document.length;
    int64_t next = document.first + window - shift % window;
    for (int64_t first = document.first; first < end; first = next, next += window) {
      result.push_back({first, std::min(next, end) - first});
    }
  }
  return result;
}

}  // namespace jnrf
