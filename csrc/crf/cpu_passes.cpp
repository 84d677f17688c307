#include "crf/cpu_passes.h"

#include <torch/csrc/stable/ops.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace jnrf::cpu {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr int64_t kGrain = 256;  // steps that are worth a thread

// The largest; 0 where there is none that is finite, so that it can be subtracted.
double shift_of(const std::vector<double>& values) {
  const double largest = *std::max_element(values.begin(), values.end());
  return std::isfinite(largest) ? largest : 0.0;
}

// log(exp(value(0)) + ... + exp(value(count - 1))), which may all be -infinity.
template <typename F>
double log_sum_exp(int64_t count, const F& value) {
  double largest = -kInfinity, total = 0;
  for (int64_t i = 0; i < count; ++i) {
    const double given = value(i);
    if (given > largest || std::isnan(given)) largest = given;
  }
  if (!std::isfinite(largest)) return largest;
  for (int64_t i = 0; i < count; ++i) total += std::exp(value(i) - largest);
  return largest + std::log(total);
}

}  // namespace

CrfWeights::CrfWeights(std::vector<double> given_transitions, std::vector<double> given_start,
                       std::vector<double> given_end)
    : tags(static_cast<int64_t>(given_start.size())),
      step((tags + kCrfLanes - 1) / kCrfLanes * kCrfLanes),
      transitions(std::move(given_transitions)),
      start(std::move(given_start)),
      end(std::move(given_end)),
      transition_factors_(tags * step),
      transposed_factors_(tags * step),
      start_factors_(step),
      end_factors_(step) {
  const double of_start = shift_of(start), of_end = shift_of(end);
  shift_of_transition = shift_of(transitions);
  shift_of_ends = of_start + of_end;
  const auto factor_of = [this](double score, double shift) {
    const double factor = std::exp(score - shift);
    // So written that what is not a number counts too.
    far_apart = far_apart || !(factor >= kCrfLeastFactor || score == -kInfinity);
    return factor;
  };
  for (int64_t i = 0; i < tags; ++i) {
    start_factors_[i] = factor_of(start[i], of_start);
    end_factors_[i] = factor_of(end[i], of_end);
    for (int64_t j = 0; j < tags; ++j) {
      const double factor = factor_of(transitions[i * tags + j], shift_of_transition);
      transition_factors_[i * step + j] = transposed_factors_[j * step + i] = factor;
    }
  }
}

template <typename T>
CrfPasses<T>::CrfPasses(const CrfWeights& weights, const T* emissions,
                        const std::vector<Document>& sequences, bool both)
    : weights_(weights),
      emissions_(emissions),
      sequences_(sequences),
      log_norm_(sequences.size()),
      logarithms_(sequences.size()) {
  const int64_t tokens = sequences.empty() ? 0 : sequences.back().first + sequences.back().length;
  const auto count = static_cast<int64_t>(sequences.size());
  x_.resize(tokens * weights.step);
  alpha_.resize(tokens * weights.step);
  if (both) beta_.resize(tokens * weights.step);
  largest_.resize(tokens);
  far_apart_.resize(tokens);
  exponentials(tokens);
  // The two directions of a sequence do not need each other.
  const int64_t directions = both ? 2 : 1;
  const int64_t grain =
      std::max<int64_t>(1, kGrain * directions * count / std::max<int64_t>(tokens, 1));
  std::vector<uint8_t> failed(count * directions);
  torch::stable::parallel_for(0, count * directions, grain, [&](int64_t begin, int64_t end) {
    for (int64_t unit = begin; unit < end; ++unit) {
      failed[unit] = !pass(unit / directions, unit % directions != 0);
    }
  });
  torch::stable::parallel_for(0, count, 1, [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; ++b) {
      if (failed[b * directions] || failed[(b + 1) * directions - 1]) in_logarithms(b);
    }
  });
}

// One direction of a sequence; false where it must be done in logarithms.
template <typename T>
bool CrfPasses<T>::pass(int64_t b, bool backward) {
  const auto [first, length] = sequences_[b];
  if (length == 0) return true;
  const auto apart = far_apart_.begin() + first;
  if (weights_.far_apart || std::find(apart, apart + length, 1) != apart + length) return false;
  const double* x = x_.data() + first * weights_.step;
  if (backward) {
    return crf_kernels().backward(weights_.factors(), x, length,
                                  beta_.data() + first * weights_.step);
  }
  double& norm = log_norm_[b];
  const bool done = crf_kernels().forward(weights_.factors(), x, length,
                                          alpha_.data() + first * weights_.step, &norm);
  norm += weights_.shift_of_ends + static_cast<double>(length - 1) * weights_.shift_of_transition;
  for (int64_t t = first; t < first + length; ++t) norm += largest_[t];
  return done;
}

// x = exp(emissions - the row's largest), 0 beyond the last tag.
template <typename T>
void CrfPasses<T>::exponentials(int64_t tokens) {
  const int64_t tags = weights_.tags;
  torch::stable::parallel_for(0, tokens, kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      const T* from = emissions_ + t * tags;
      double* to = x_.data() + t * weights_.step;
      const double largest = *std::max_element(from, from + tags);
      largest_[t] = std::isfinite(largest) ? largest : 0.0;
      for (int64_t j = 0; j < tags; ++j) {
        to[j] = std::exp(from[j] - largest_[t]);
        if (!(to[j] >= kCrfLeastFactor || from[j] == -kInfinity)) far_apart_[t] = 1;
      }
    }
  });
}

template <typename T>
void CrfPasses<T>::in_logarithms(int64_t b) {
  const auto [first, length] = sequences_[b];
  const int64_t tags = weights_.tags, step = weights_.step;
  logarithms_[b] = 1;
  double* alpha = alpha_.data() + first * step;
  const T* e = emissions_ + first * tags;
  for (int64_t t = 0; t < length; ++t) {
    for (int64_t j = 0; j < tags; ++j) {
      const double before = t == 0 ? weights_.start[j] : log_sum_exp(tags, [&](int64_t i) {
        return alpha[(t - 1) * step + i] + weights_.transitions[i * tags + j];
      });
      alpha[t * step + j] = before + static_cast<double>(e[t * tags + j]);
    }
  }
  log_norm_[b] = log_sum_exp(
      tags, [&](int64_t j) { return alpha[(length - 1) * step + j] + weights_.end[j]; });
  if (beta_.empty()) return;
  double* beta = beta_.data() + first * step;
  for (int64_t t = length - 1; t >= 0; --t) {
    for (int64_t i = 0; i < tags; ++i) {
      beta[t * step + i] = t == length - 1 ? weights_.end[i] : log_sum_exp(tags, [&](int64_t j) {
        return weights_.transitions[i * tags + j] + static_cast<double>(e[(t + 1) * tags + j]) +
               beta[(t + 1) * step + j];
      });
    }
  }
}

template <typename T>
void CrfPasses<T>::marginals(int64_t b, int64_t t, double* to) const {
  const int64_t tags = weights_.tags;
  const double *alpha = row(alpha_, b, t), *beta = row(beta_, b, t);
  double total = 0;
  if (!logarithms_[b]) {
    for (int64_t j = 0; j < tags; ++j) total += to[j] = alpha[j] * beta[j];
  }
  if (!(total > kCrfLeast)) {
    const auto both = [&](int64_t j) { return log_alpha(b, t, j) + log_beta(b, t, j); };
    const double norm = log_sum_exp(tags, both);
    for (int64_t j = 0; j < tags; ++j) to[j] = std::exp(both(j) - norm);
    return;
  }
  for (int64_t j = 0; j < tags; ++j) to[j] /= total;
}

template <typename T>
void CrfPasses<T>::sum_pairs(int64_t b, int64_t begin, int64_t end, double* sums) const {
  const int64_t tags = weights_.tags, step = weights_.step, first = sequences_[b].first;
  std::vector<double> rest;  // of steps that are done in logarithms
  for (int64_t t = begin; t < end; ++t) {
    if (!logarithms_[b]) {
      t = crf_kernels().pairs(weights_.factors(), row(x_, b, 0), row(alpha_, b, 0),
                              row(beta_, b, 0), t, end, sums);
      if (t == end) break;
    }
    rest.resize(tags * tags);
    const T* emitted = emissions_ + (first + t + 1) * tags;
    const auto pair = [&](int64_t place) {
      const int64_t i = place / tags, j = place % tags;
      return log_alpha(b, t, i) + weights_.transitions[place] + static_cast<double>(emitted[j]) +
             log_beta(b, t + 1, j);
    };
    const double norm = log_sum_exp(tags * tags, pair);
    for (int64_t place = 0; place < tags * tags; ++place)
      rest[place] += std::exp(pair(place) - norm);
  }
  const double* factor = weights_.factors().transitions;
  for (int64_t place = 0; place < tags * step; ++place) sums[place] *= factor[place];
  for (size_t place = 0; place < rest.size(); ++place) {
    sums[static_cast<int64_t>(place) / tags * step + static_cast<int64_t>(place) % tags] +=
        rest[place];
  }
}

template <typename T>
double crf_viterbi(const CrfWeights& weights, const T* emissions, int64_t length, int64_t* tags) {
  const int64_t count = weights.tags, step = weights.step;
  std::vector<double> transitions(count * step, -kInfinity);
  for (int64_t i = 0; i < count; ++i) {
    std::copy_n(weights.transitions.data() + i * count, count, transitions.data() + i * step);
  }
  std::vector<double> score(step, -kInfinity), best(step), which(step);
  std::vector<uint8_t> from(length * count);
  for (int64_t t = 0; t < length; ++t) {
    if (t == 0) {
      std::copy(weights.start.begin(), weights.start.end(), best.begin());
    } else {
      crf_kernels().best(score.data(), transitions.data(), count, step, best.data(), which.data());
    }
    for (int64_t j = 0; j < count; ++j) {
      score[j] = best[j] + static_cast<double>(emissions[t * count + j]);
      from[t * count + j] = static_cast<uint8_t>(which[j]);
    }
  }
  for (int64_t j = 0; j < count; ++j) score[j] += weights.end[j];
  const auto top = std::max_element(score.begin(), score.begin() + count);
  auto tag = static_cast<int64_t>(top - score.begin());
  for (int64_t t = length - 1; t >= 0; --t) {
    tags[t] = tag;
    tag = from[t * count + tag];
  }
  return *top;
}

template class CrfPasses<float>;
template class CrfPasses<double>;
template double crf_viterbi(const CrfWeights&, const float*, int64_t, int64_t*);
template double crf_viterbi(const CrfWeights&, const double*, int64_t, int64_t*);

}  // namespace jnrf::cpu
