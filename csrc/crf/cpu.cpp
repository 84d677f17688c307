// The CRF operators on the CPU: checks, and from the passes of cpu_passes.h to tensors.
#include <torch/csrc/stable/library.h>

#include <algorithm>
#include <string>
#include <tuple>

#include "crf/checks.h"
#include "crf/cpu_passes.h"

namespace jnrf::cpu {
namespace {

using torch::headeronly::ScalarType;

constexpr int64_t kChunk = 512;  // steps that are summed up before they are added to the rest

struct CrfInputs : CrfArguments {
  Tensor bounds;
  std::vector<Document> sequences;

  CrfInputs(const char* op, const Tensor& emissions, const Tensor& transitions, const Tensor& start,
            const Tensor& end, const Tensor& cu_seqlens)
      : CrfArguments(op, emissions, transitions, start, end, emissions.scalar_type()),
        bounds(checked(op, "cu_seqlens", cu_seqlens, {-1}, ScalarType::Int)) {
    const ScalarType dtype = emissions.scalar_type();
    require(dtype == ScalarType::Float || dtype == ScalarType::Double, op,
            ": emissions must be float32 or float64 on the CPU, not ",
            torch::headeronly::toString(dtype));
    require(bounds.size(0) >= 1, op, ": cu_seqlens must have the shape [B + 1], not [0]");
    const std::string wrong =
        packed_error(bounds.const_data_ptr<int32_t>(), bounds.size(0) - 1, tokens);
    require(wrong.empty(), op, ": ", wrong);
    sequences = packed_documents(bounds.const_data_ptr<int32_t>(), bounds.size(0) - 1);
  }

  // Calls f with the weights and the emissions of their type.
  template <typename F>
  auto dispatch(const F& f) const {
    const auto call = [&]<typename T>(T) {
      const CrfWeights weights(transitions.const_data_ptr<T>(), start.const_data_ptr<T>(),
                               end.const_data_ptr<T>(), tags);
      return f(weights, emissions.const_data_ptr<T>());
    };
    return emissions.scalar_type() == ScalarType::Double ? call(double{}) : call(float{});
  }
};

// A part of a sequence: the unit of work.
struct Chunk {
  int64_t sequence, begin, end;
};

std::vector<Chunk> chunks_of(const std::vector<Document>& sequences) {
  std::vector<Chunk> chunks;
  for (size_t b = 0; b < sequences.size(); ++b) {
    for (int64_t t = 0; t < sequences[b].length; t += kChunk) {
      chunks.push_back({static_cast<int64_t>(b), t, std::min(t + kChunk, sequences[b].length)});
    }
  }
  return chunks;
}

template <typename F>
void for_chunks(const std::vector<Chunk>& chunks, const F& work) {
  torch::stable::parallel_for(0, static_cast<int64_t>(chunks.size()), 1,
                              [&](int64_t begin, int64_t end) {
                                for (int64_t c = begin; c < end; ++c) work(c, chunks[c]);
                              });
}

// The score of the given tags of sequence b.
template <typename T>
double score_of(const CrfInputs& inputs, const CrfWeights& weights, const T* emissions,
                const int64_t* tags, int64_t b) {
  const auto [first, length] = inputs.sequences[b];
  if (length == 0) return 0;
  double score = weights.start[tags[first]] + weights.end[tags[first + length - 1]];
  for (int64_t t = first; t < first + length; ++t) {
    score += static_cast<double>(emissions[t * inputs.tags + tags[t]]);
    if (t > first) score += weights.transitions[tags[t - 1] * inputs.tags + tags[t]];
  }
  return score;
}

// Marginals less the given tags: the gradients of all sequences.
template <typename T>
void fill_gradients(const CrfInputs& inputs, const CrfWeights& weights, const CrfPasses<T>& passes,
                    const int64_t* tags, T* to_emissions, T* to_transitions) {
  const int64_t count = weights.tags, step = weights.step;
  const std::vector<Chunk> chunks = chunks_of(inputs.sequences);
  std::vector<double> sums(chunks.size() * count * step);
  for_chunks(chunks, [&](int64_t c, const Chunk& chunk) {
    const auto [first, length] = inputs.sequences[chunk.sequence];
    std::vector<double> row(count);
    for (int64_t t = chunk.begin; t < chunk.end; ++t) {
      passes.marginals(chunk.sequence, t, row.data());
      row[tags[first + t]] -= 1;
      std::copy(row.begin(), row.end(), to_emissions + (first + t) * count);
    }
    passes.sum_pairs(chunk.sequence, chunk.begin, std::min(chunk.end, length - 1),
                     sums.data() + c * count * step);
  });
  std::vector<double> total(count * count);
  size_t c = 0;
  for (size_t b = 0; b < inputs.sequences.size(); ++b) {
    std::fill(total.begin(), total.end(), 0.0);
    for (; c < chunks.size() && chunks[c].sequence == static_cast<int64_t>(b); ++c) {
      const double* from = sums.data() + c * count * step;
      for (int64_t i = 0; i < count; ++i) {
        for (int64_t j = 0; j < count; ++j) total[i * count + j] += from[i * step + j];
      }
    }
    const auto [first, length] = inputs.sequences[b];
    for (int64_t t = first; t + 1 < first + length; ++t) total[tags[t] * count + tags[t + 1]] -= 1;
    std::copy(total.begin(), total.end(), to_transitions + b * count * count);
  }
}

std::tuple<Tensor, Tensor, Tensor, Tensor> crf_nll(const Tensor& emissions, const Tensor& tags,
                                                   const Tensor& transitions, const Tensor& start,
                                                   const Tensor& end, const Tensor& cu_seqlens,
                                                   bool gradients) {
  const char* op = "crf_nll";
  const CrfInputs inputs(op, emissions, transitions, start, end, cu_seqlens);
  const Tensor gold = checked(op, "tags", tags, {inputs.tokens}, ScalarType::Long);
  const auto* given = gold.const_data_ptr<int64_t>();
  for (int64_t t = 0; t < inputs.tokens; ++t) {
    require(given[t] >= 0 && given[t] < inputs.tags, op, ": tag ", given[t], " of step ", t,
            " is not one of the ", inputs.tags, " tags");
  }
  const auto documents = static_cast<int64_t>(inputs.sequences.size());
  Tensor nll = torch::stable::new_empty(inputs.emissions, {documents});
  Tensor grad_emissions =
      torch::stable::new_empty(inputs.emissions, {gradients ? inputs.tokens : 0, inputs.tags});
  Tensor grad_transitions = torch::stable::new_empty(
      inputs.emissions, {gradients ? documents : 0, inputs.tags, inputs.tags});
  inputs.dispatch([&]<typename T>(const CrfWeights& weights, const T* data) {
    const CrfPasses<T> passes(weights, data, inputs.sequences, gradients);
    T* to = nll.mutable_data_ptr<T>();
    for (int64_t b = 0; b < documents; ++b) {
      to[b] = static_cast<T>(passes.log_norm(b) - score_of(inputs, weights, data, given, b));
    }
    if (gradients) {
      fill_gradients(inputs, weights, passes, given, grad_emissions.mutable_data_ptr<T>(),
                     grad_transitions.mutable_data_ptr<T>());
    }
  });
  Tensor bounds = torch::stable::new_empty(nll, {gradients ? documents + 1 : 0}, ScalarType::Int);
  if (gradients) {
    std::copy_n(inputs.bounds.const_data_ptr<int32_t>(), documents + 1,
                bounds.mutable_data_ptr<int32_t>());
  }
  return {nll, grad_emissions, grad_transitions, bounds};
}

Tensor crf_marginals(const Tensor& emissions, const Tensor& transitions, const Tensor& start,
                     const Tensor& end, const Tensor& cu_seqlens) {
  const CrfInputs inputs("crf_marginals", emissions, transitions, start, end, cu_seqlens);
  Tensor marginals = torch::stable::empty_like(inputs.emissions);
  inputs.dispatch([&]<typename T>(const CrfWeights& weights, const T* data) {
    const CrfPasses<T> passes(weights, data, inputs.sequences, true);
    T* to = marginals.mutable_data_ptr<T>();
    for_chunks(chunks_of(inputs.sequences), [&](int64_t, const Chunk& chunk) {
      std::vector<double> row(inputs.tags);
      for (int64_t t = chunk.begin; t < chunk.end; ++t) {
        passes.marginals(chunk.sequence, t, row.data());
        const int64_t token = inputs.sequences[chunk.sequence].first + t;
        std::copy(row.begin(), row.end(), to + token * inputs.tags);
      }
    });
  });
  return marginals;
}

std::tuple<Tensor, Tensor> crf_decode(const Tensor& emissions, const Tensor& transitions,
                                      const Tensor& start, const Tensor& end,
                                      const Tensor& cu_seqlens) {
  const CrfInputs inputs("crf_decode", emissions, transitions, start, end, cu_seqlens);
  const auto documents = static_cast<int64_t>(inputs.sequences.size());
  Tensor tags = torch::stable::new_empty(inputs.emissions, {inputs.tokens}, ScalarType::Long);
  Tensor scores = torch::stable::new_empty(inputs.emissions, {documents});
  inputs.dispatch([&]<typename T>(const CrfWeights& weights, const T* data) {
    auto* to = tags.mutable_data_ptr<int64_t>();
    T* to_scores = scores.mutable_data_ptr<T>();
    torch::stable::parallel_for(0, documents, 1, [&](int64_t begin, int64_t end_of_part) {
      for (int64_t b = begin; b < end_of_part; ++b) {
        const auto [first, length] = inputs.sequences[b];
        to_scores[b] = length == 0 ? T(0)
                                   : static_cast<T>(crf_viterbi(weights, data + first * inputs.tags,
                                                                length, to + first));
      }
    });
  });
  return {tags, scores};
}

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(jnrf, CPU, m) {
  m.impl("crf_nll", TORCH_BOX(&crf_nll));
  m.impl("crf_marginals", TORCH_BOX(&crf_marginals));
  m.impl("crf_decode", TORCH_BOX(&crf_decode));
}

}  // namespace jnrf::cpu
