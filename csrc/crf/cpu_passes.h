// The forward and backward passes of a linear-chain CRF over packed sequences, and what follows
// from them. Torch-free but for its threads.
//
// Probabilities are kept in float64 and rescaled at every step. Where something would underflow
// (scores of a step, or transitions, more than 115 nats apart; -infinity is no such) the sequence
// is done in logarithms instead, which takes C^2 exponentials a step.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "core/packed.h"
#include "crf/cpu_kernel.h"

namespace jnrf::cpu {

// Transitions [C, C] from row to column, start and end [C], of any element type, as float64.
class CrfWeights {
 public:
  template <typename T>
  CrfWeights(const T* transitions, const T* start, const T* end, int64_t tags)
      : CrfWeights(std::vector<double>(transitions, transitions + tags * tags),
                   std::vector<double>(start, start + tags), std::vector<double>(end, end + tags)) {
  }

  const int64_t tags, step;
  const std::vector<double> transitions, start, end;

  CrfFactors factors() const {
    return {tags,
            step,
            transition_factors_.data(),
            transposed_factors_.data(),
            start_factors_.data(),
            end_factors_.data()};
  }
  // Whether one of them is below kCrfLeastFactor though not forbidden.
  bool far_apart = false;
  // What the factors lack of the logarithms: for a start and an end, and for a transition.
  double shift_of_ends = 0, shift_of_transition = 0;

 private:
  CrfWeights(std::vector<double> transitions, std::vector<double> start, std::vector<double> end);

  std::vector<double> transition_factors_, transposed_factors_, start_factors_, end_factors_;
};

// Both passes over all sequences of a batch; T is the emissions' element type.
template <typename T>
class CrfPasses {
 public:
  // emissions [T, C]. Without `both`, only what log_norm needs.
  CrfPasses(const CrfWeights& weights, const T* emissions, const std::vector<Document>& sequences,
            bool both);

  // log Z of sequence b; 0 of an empty one.
  double log_norm(int64_t b) const { return log_norm_[b]; }

  // The probabilities of the tags at step t of sequence b.
  void marginals(int64_t b, int64_t t, double* to) const;

  // sums [C, step], 0 before: the probabilities of the tags at t and t + 1 of sequence b, summed
  // over t from begin to end (at most the length - 1).
  void sum_pairs(int64_t b, int64_t begin, int64_t end, double* sums) const;

 private:
  void exponentials(int64_t tokens);
  bool pass(int64_t b, bool backward);
  void in_logarithms(int64_t b);
  double log_alpha(int64_t b, int64_t t, int64_t i) const {
    const double value = row(alpha_, b, t)[i];
    return logarithms_[b] ? value : std::log(value);
  }
  double log_beta(int64_t b, int64_t t, int64_t i) const {
    const double value = row(beta_, b, t)[i];
    return logarithms_[b] ? value : std::log(value);
  }
  const double* row(const std::vector<double>& of, int64_t b, int64_t t) const {
    return of.data() + (sequences_[b].first + t) * weights_.step;
  }

  const CrfWeights& weights_;
  const T* emissions_;
  const std::vector<Document>& sequences_;
  std::vector<double> x_, alpha_, beta_;  // [T, step]
  std::vector<double> largest_;           // [T] the largest emission, which x lacks
  std::vector<double> log_norm_;          // [B]
  std::vector<uint8_t> far_apart_;        // [T] whether something of x is below kCrfLeastFactor
  std::vector<uint8_t> logarithms_;       // [B] whether alpha and beta are logarithms
};

// The best tags of a sequence of emissions [length, C]; their score. Of equals the first.
template <typename T>
double crf_viterbi(const CrfWeights& weights, const T* emissions, int64_t length, int64_t* tags);

}  // namespace jnrf::cpu
