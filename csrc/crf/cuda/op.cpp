// The CRF operators on CUDA.
#include <algorithm>
#include <string>
#include <tuple>

#include "core/packed.h"
#include "crf/checks.h"
#include "crf/cuda/launchers.h"
#include "device/op.h"

namespace jnrf::cuda {
namespace {

using torch::headeronly::ScalarType;

CrfType type_of(const char* op, const Tensor& emissions) {
  const ScalarType dtype = emissions.scalar_type();
  if (dtype == ScalarType::Float) return CrfType::kFloat;
  if (dtype == ScalarType::Double) return CrfType::kDouble;
  require(dtype == ScalarType::BFloat16, op,
          ": emissions must be float32, float64 or bfloat16 on CUDA, not ",
          torch::headeronly::toString(dtype));
  return CrfType::kBfloat16;
}

ScalarType weight_type(const Tensor& emissions) {
  const ScalarType dtype = emissions.scalar_type();
  return dtype == ScalarType::BFloat16 ? ScalarType::Float : dtype;
}

// Arguments on the device, and memory for the passes over them.
class CrfCall : public CrfArguments {
 public:
  CrfCall(const char* op, const Tensor& given_emissions, const Tensor& given_transitions,
          const Tensor& given_start, const Tensor& given_end, const Tensor& cu_seqlens)
      : CrfArguments(op, given_emissions, given_transitions, given_start, given_end,
                     weight_type(given_emissions)),
        type(type_of(op, given_emissions)),
        on(given_emissions),
        bounds_(checked(op, "cu_seqlens", cu_seqlens, {-1}, ScalarType::Int)),
        sequences(bounds_.size(0) - 1) {
    require(sequences >= 0, op, ": cu_seqlens must have the shape [B + 1], not [0]");
    if (bounds_.is_cpu()) {
      const std::string wrong = packed_error(bounds_.const_data_ptr<int32_t>(), sequences, tokens);
      require(wrong.empty(), op, ": ", wrong);
      for (const Document& document :
           packed_documents(bounds_.const_data_ptr<int32_t>(), sequences)) {
        longest_ = std::max(longest_, document.length);
      }
    } else if (sequences > 0) {
      longest_ = (tokens + sequences - 1) / sequences;  // one of them at least
    }
    bounds_ = bounds_on_device(bounds_, emissions, on);
  }

  CrfProblem problem() const {
    return {type,
            emissions.const_data_ptr(),
            transitions.const_data_ptr(),
            start.const_data_ptr(),
            end.const_data_ptr(),
            bounds_.const_data_ptr<int32_t>(),
            tokens,
            static_cast<int>(tags),
            static_cast<int>(sequences),
            longest_};
  }

  // The bounds on the device, in memory that is not the caller's.
  Tensor copied_bounds(const Tensor& given) const {
    return given.is_cpu() ? bounds_ : torch::stable::clone(bounds_);
  }

  Tensor empty(std::initializer_list<int64_t> shape, ScalarType dtype) const {
    return torch::stable::new_empty(emissions, shape, dtype);
  }

  const CrfType type;
  const OnDevice on;

 private:
  Tensor bounds_;
  int64_t longest_ = 0;

 public:
  const int64_t sequences;
};

// The passes of a call; `both` where more than log Z is wanted.
class CrfRun {
 public:
  CrfRun(const CrfCall& call, bool both)
      : rows_(call.empty({both ? 3 : 1, call.tokens, call.tags}, ScalarType::Double)),
        numbers_(call.empty({call.tokens}, ScalarType::Double)),
        log_norm_(call.empty({call.sequences}, ScalarType::Double)),
        logarithms_(call.empty({call.sequences}, ScalarType::Int)) {
    work = {};
    work.log_norm = log_norm_.mutable_data_ptr<double>();
    work.logarithms = logarithms_.mutable_data_ptr<int32_t>();
    work.alpha = rows_.mutable_data_ptr<double>();
    work.weight = numbers_.mutable_data_ptr<double>();
    if (both) {
      const int64_t rows = call.tokens * call.tags;
      work.beta = work.alpha + rows;
      work.followed = work.beta + rows;
    }
    launch_crf_passes(call.problem(), work, call.on.stream);
  }

  CrfWorkspace work;

 private:
  Tensor rows_, numbers_, log_norm_, logarithms_;
};

std::tuple<Tensor, Tensor, Tensor, Tensor> crf_nll(const Tensor& emissions, const Tensor& tags,
                                                   const Tensor& transitions, const Tensor& start,
                                                   const Tensor& end, const Tensor& cu_seqlens,
                                                   bool gradients) {
  const char* op = "crf_nll";
  const CrfCall call(op, emissions, transitions, start, end, cu_seqlens);
  const Tensor gold = checked(op, "tags", tags, {call.tokens}, ScalarType::Long);
  const ScalarType wide = weight_type(emissions);
  Tensor loss = call.empty({call.sequences}, wide);
  Tensor of_emissions = call.empty({gradients ? call.tokens : 0, call.tags}, wide);
  Tensor of_transitions = call.empty({gradients ? call.sequences : 0, call.tags, call.tags}, wide);
  const Tensor bounds =
      gradients ? call.copied_bounds(cu_seqlens) : call.empty({0}, ScalarType::Int);
  if (call.sequences == 0) return {loss, of_emissions, of_transitions, bounds};
  const CrfRun run(call, gradients);
  const auto* given = gold.const_data_ptr<int64_t>();
  launch_crf_loss(call.problem(), run.work, given, loss.mutable_data_ptr(), call.on.stream);
  if (gradients) {
    const Tensor shares =
        call.empty({crf_shares(call.problem()), call.tags * call.tags}, ScalarType::Double);
    launch_crf_gradients(call.problem(), run.work, given, shares.mutable_data_ptr<double>(),
                         of_emissions.mutable_data_ptr(), of_transitions.mutable_data_ptr(),
                         call.on.stream);
  }
  return {loss, of_emissions, of_transitions, bounds};
}

Tensor crf_marginals(const Tensor& emissions, const Tensor& transitions, const Tensor& start,
                     const Tensor& end, const Tensor& cu_seqlens) {
  const CrfCall call("crf_marginals", emissions, transitions, start, end, cu_seqlens);
  Tensor marginals = torch::stable::empty_like(call.emissions);
  if (call.sequences == 0) return marginals;
  const CrfRun run(call, true);
  launch_crf_marginals(call.problem(), run.work, marginals.mutable_data_ptr(), call.on.stream);
  return marginals;
}

std::tuple<Tensor, Tensor> crf_decode(const Tensor& emissions, const Tensor& transitions,
                                      const Tensor& start, const Tensor& end,
                                      const Tensor& cu_seqlens) {
  const CrfCall call("crf_decode", emissions, transitions, start, end, cu_seqlens);
  Tensor tags = call.empty({call.tokens}, ScalarType::Long);
  Tensor scores = call.empty({call.sequences}, weight_type(emissions));
  const CrfProblem problem = call.problem();
  const int64_t chunks = crf_chunks(problem);
  const Tensor bytes = call.empty({call.tokens + chunks, call.tags}, ScalarType::Byte);
  const Tensor rows = call.empty({chunks * (call.tags + 1), call.tags}, ScalarType::Double);
  CrfSearchWorkspace work{};
  work.steps = bytes.mutable_data_ptr<uint8_t>();
  work.before = work.steps + call.tokens * call.tags;
  work.products = rows.mutable_data_ptr<double>();
  work.scores = work.products + chunks * call.tags * call.tags;
  launch_crf_viterbi(problem, work, tags.mutable_data_ptr<int64_t>(), scores.mutable_data_ptr(),
                     call.on.stream);
  return {tags, scores};
}

}  // namespace
}  // namespace jnrf::cuda

JNRF_CUDA_IMPL(m) {
  m.impl("crf_nll", TORCH_BOX(&jnrf::cuda::crf_nll));
  m.impl("crf_marginals", TORCH_BOX(&jnrf::cuda::crf_marginals));
  m.impl("crf_decode", TORCH_BOX(&jnrf::cuda::crf_decode));
}
