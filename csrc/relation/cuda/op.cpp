// relation_scores, relation_loss and relation_decode on CUDA. Only the scores and the decoding wait
// for the device: the size of their results depends on it.
#include <algorithm>

#include <optional>
#include <tuple>
#include <vector>

#include "device/op.h"
#include "relation/checks.h"
#include "relation/cuda/launchers.h"

namespace jnrf::cuda {
namespace {

using torch::headeronly::ScalarType;

// Bytes of gradients of scores between the kernels that make and that use them: few enough to stay
// in the cache of the device for the most part, enough to keep it busy.
constexpr int64_t kWorkspace = int64_t{64} << 20;

ScalarType wide_type(const char* op, const Tensor& u) {
  const ScalarType dtype = u.scalar_type();
  require(
      dtype == ScalarType::Float || dtype == ScalarType::Double || dtype == ScalarType::BFloat16,
      op, ": u must be float32, float64 or bfloat16, not ", torch::headeronly::toString(dtype));
  return dtype == ScalarType::Double ? ScalarType::Double : ScalarType::Float;
}

RelationType relation_type(ScalarType dtype) {
  if (dtype == ScalarType::Double) return RelationType::kDouble;
  return dtype == ScalarType::Float ? RelationType::kFloat : RelationType::kBfloat16;
}

// A call on the device, from its arguments to the memory that its kernels work in.
class Call : public RelationArguments {
 public:
  Call(const char* op, const Tensor& u, const Tensor& w, const Tensor& pos_u, const Tensor& pos_w,
       const Tensor& cu_u, const Tensor& cu_w, const Tensor& alpha, const Tensor& beta,
       const Tensor& gamma)
      : RelationArguments(op, u, w, pos_u, pos_w, cu_u, cu_w, alpha, beta, gamma, wide_type(op, u)),
        wide(wide_type(op, u)),
        on(u) {
    constexpr int64_t kLimit = INT_MAX;
    rows_u = u.size(0);
    rows_w = w.size(0);
    require(classes * size <= kLimit && rows_u + rows_w <= kLimit && documents <= kLimit, op,
            ": 2^31 rows, documents or numbers a row are too many");
    type = relation_type(u.scalar_type());
    run.shape = relation_shape(type, static_cast<int>(classes));
    run.tiles = most_tiles(run.shape.tile, rows_u, rows_w, documents);
    require(run.tiles < kLimit, op, ": more head x tail pairs than can be counted");
  }

  Tensor make(std::initializer_list<int64_t> shape, ScalarType dtype) {
    return torch::stable::new_empty(u, shape, dtype);
  }
  // Memory that lives as long as the call; the stream's order keeps it from being used too early.
  template <typename T>
  T* work(int64_t count) {
    kept_.push_back(make({count * static_cast<int64_t>(sizeof(T))}, ScalarType::Byte));
    return reinterpret_cast<T*>(kept_.back().mutable_data_ptr<uint8_t>());
  }

  // Finds the tiles, with room to count listed pairs where there are any.
  void plan(bool count_listed) {
    const int64_t bounds = documents + 1;
    on_device_u_ = bounds_on_device(cu_u, u, on);
    on_device_w_ = bounds_on_device(cu_w, u, on);
    results_ = make({bounds + kResults}, ScalarType::Long);
    auto* pairs = results_.mutable_data_ptr<int64_t>() + kResults;
    auto* sums = work<int32_t>(3 * bounds);
    const int64_t counted = count_listed ? run.tiles + 1 : 0;
    call.type = type;
    call.u = u.const_data_ptr();
    call.w = w.const_data_ptr();
    call.pos_u = pos_u.const_data_ptr<int64_t>();
    call.pos_w = pos_w.const_data_ptr<int64_t>();
    call.alpha = alpha.const_data_ptr();
    call.beta = beta.const_data_ptr();
    call.gamma = gamma.const_data_ptr();
    call.classes = static_cast<int>(classes);
    call.size = static_cast<int>(size);
    call.plan = {on_device_u_.const_data_ptr<int32_t>(),
                 on_device_w_.const_data_ptr<int32_t>(),
                 rows_u,
                 rows_w,
                 static_cast<int>(documents),
                 run.shape.tile,
                 pairs,
                 sums,
                 sums + bounds,
                 sums + 2 * bounds,
                 reinterpret_cast<int32_t*>(pairs - kResults),
                 count_listed ? work<int32_t>(counted) : nullptr,
                 counted};
    launch_plan(call.plan, on.stream);
    if (run.shape.kept_scores > 0) {
      const int64_t numbers = run.shape.blocks * run.shape.kept_scores;
      run.scores = wide == ScalarType::Double ? static_cast<void*>(work<double>(numbers))
                                              : static_cast<void*>(work<float>(numbers));
    }
    run.round = std::max<int64_t>(run.tiles, 1);
  }

  // Waits for the plan: the number of pairs, and of tiles. Wrong bounds are errors here.
  int64_t wait_for_pairs() {
    require(!is_captured(on.stream), op,
            ": the number of results must be read from the device, which cannot be done while a "
            "CUDA graph is captured (relation_loss needs none)");
    const Tensor host = on_host(results_);
    const auto* report = reinterpret_cast<const int32_t*>(host.const_data_ptr<int64_t>());
    require(!report[kFaultyBounds], op,
            ": cu_u or cu_w does not start at 0, decreases, or ends beyond its rows");
    check_type("type_w", report[kFaultyTypeW]);
    check_type("type_u", report[kFaultyTypeU]);
    run.tiles = std::min<int64_t>(run.tiles, report[kTiles]);
    return host.const_data_ptr<int64_t>()[kResults + documents];
  }

  static Tensor on_host(const Tensor& tensor) {
    return torch::stable::to(tensor, torch::stable::Device(torch::headeronly::DeviceType::CPU));
  }

  // Memory for gradients of scores: rounds of no more than `workspace` bytes, of a tile at least.
  void make_gradients(int64_t workspace, int fields) {
    require(workspace >= 0, op, ": workspace must not be negative, but is ", workspace);
    const auto bytes = static_cast<int64_t>(run.shape.gradient_bytes);
    run.round = std::max<int64_t>((workspace > 0 ? workspace : kWorkspace) / bytes, 1);
    run.round = std::max<int64_t>(std::min(run.round, run.tiles), 1);
    run.gradients = work<unsigned char>(run.round * bytes);
    run.sums = work<double>(run.tiles * fields);
  }

  const ScalarType wide;  // of coefficients, scores and losses
  const OnDevice on;
  RelationType type;
  int64_t rows_u, rows_w;
  RelationCall call{};
  RelationRun run{};

 private:
  // The report in front of the plan's sums of pairs, so that one copy brings both.
  static constexpr int64_t kResults = kReports * sizeof(int32_t) / sizeof(int64_t);

  void check_type(const char* name, int32_t row) const {
    require(row == kNoFaultyRow, op, ": ", name, " in row ", row,
            " is not one of the types of allowed");
  }

  Tensor on_device_u_, on_device_w_, results_;
  std::vector<Tensor> kept_;
};

Tensor relation_scores(const Tensor& u, const Tensor& w, const Tensor& pos_u, const Tensor& pos_w,
                       const Tensor& cu_u, const Tensor& cu_w, const Tensor& alpha,
                       const Tensor& beta, const Tensor& gamma) {
  Call call("relation_scores", u, w, pos_u, pos_w, cu_u, cu_w, alpha, beta, gamma);
  call.plan(false);
  const int64_t pairs = call.wait_for_pairs();
  Tensor scores = call.make({pairs, call.classes}, call.wide);
  if (pairs > 0) {
    launch_scores(call.call, call.run, scores.mutable_data_ptr(), call.on.stream);
  }
  return scores;
}

std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor> relation_scores_backward(
    const Tensor& grad, const Tensor& u, const Tensor& w, const Tensor& pos_u, const Tensor& pos_w,
    const Tensor& cu_u, const Tensor& cu_w, const Tensor& alpha, const Tensor& beta,
    const Tensor& gamma, int64_t workspace) {
  const char* op = "relation_scores_backward";
  Call call(op, u, w, pos_u, pos_w, cu_u, cu_w, alpha, beta, gamma);
  const Tensor packed = checked(op, "grad", grad, {-1, call.classes}, call.wide);
  call.check_device("grad", packed);
  call.plan(false);
  call.make_gradients(workspace, static_cast<int>(3 * call.classes));
  Tensor coefficients = call.make({call.documents, 3, call.classes}, ScalarType::Double);
  call.run.coefficients = coefficients.mutable_data_ptr<double>();
  Tensor grad_u = torch::stable::empty_like(call.u), grad_w = torch::stable::empty_like(call.w);
  // Sums of bfloat16 are float until they are complete.
  const bool cast = call.type == RelationType::kBfloat16;
  const auto sums = [&](const Tensor& result) {
    return cast ? call.make({result.size(0), call.classes, call.size}, call.wide) : result;
  };
  Tensor sums_u = sums(grad_u), sums_w = sums(grad_w);
  call.run.grad_u = sums_u.mutable_data_ptr();
  call.run.grad_w = sums_w.mutable_data_ptr();
  launch_scores_backward(call.call, call.run, packed.const_data_ptr(), packed.size(0),
                         call.on.stream);
  Tensor totals = call.make({3, call.classes}, call.wide);
  launch_scale(
      {call.type, nullptr, call.call.plan.cu_u, call.call.plan.cu_w, call.call.plan.documents,
       call.call.classes, call.call.size, call.rows_u, call.rows_w,
       cast ? call.run.grad_u : nullptr, cast ? call.run.grad_w : nullptr, call.run.coefficients,
       grad_u.mutable_data_ptr(), grad_w.mutable_data_ptr(), totals.mutable_data_ptr()},
      call.on.stream);
  const auto row = [&](int64_t which) {
    return torch::stable::clone(torch::stable::select(totals, 0, which));
  };
  return {grad_u, grad_w, row(0), row(1), row(2)};
}

std::tuple<Tensor, Tensor, Tensor, Tensor> relation_loss(
    const Tensor& u, const Tensor& w, const Tensor& pos_u, const Tensor& pos_w, const Tensor& cu_u,
    const Tensor& cu_w, const Tensor& alpha, const Tensor& beta, const Tensor& gamma,
    const Tensor& pairs, int64_t none_class, const std::optional<Tensor>& class_weight,
    bool gradients, int64_t workspace) {
  const char* op = "relation_loss";
  Call call(op, u, w, pos_u, pos_w, cu_u, cu_w, alpha, beta, gamma);
  call.check_none_class(none_class);
  const Tensor listed = checked(op, "pairs", pairs, {-1, 3}, ScalarType::Long);
  call.check_device("pairs", listed);
  const int64_t count = listed.size(0);
  require(count < INT_MAX, op, ": 2^31 listed pairs are too many");
  std::optional<Tensor> weight;
  if (class_weight) {
    weight = checked(op, "class_weight", *class_weight, {call.classes}, call.wide);
    call.check_device("class_weight", *weight);
  }
  call.plan(count > 0);
  RelationTargets targets{};
  targets.none_class = static_cast<int>(none_class);
  targets.class_weight = weight ? weight->const_data_ptr() : nullptr;
  if (count > 0) {
    auto* places = call.work<int32_t>(3 * count);
    targets.listed = {listed.const_data_ptr<int64_t>(),
                      count,
                      call.call.classes,
                      places,
                      places + count,
                      places + 2 * count};
    launch_sort_pairs(call.call.plan, targets.listed, call.on.stream);
  }
  const auto results = [&](const Tensor& rows) {
    return gradients ? call.make({rows.size(0), call.classes, call.size}, call.wide)
                     : call.make({0}, call.wide);
  };
  Tensor grad_u = results(u), grad_w = results(w);
  Tensor coefficients =
      call.make({gradients ? call.documents : 0, 3, call.classes}, ScalarType::Double);
  if (gradients) {
    call.make_gradients(workspace, static_cast<int>(1 + 3 * call.classes));
    call.run.grad_u = grad_u.mutable_data_ptr();
    call.run.grad_w = grad_w.mutable_data_ptr();
    call.run.coefficients = coefficients.mutable_data_ptr<double>();
  } else {
    call.run.sums = call.work<double>(call.run.tiles);
  }
  Tensor loss = call.make({call.documents}, call.wide);
  launch_loss(call.call, call.run, targets, loss.mutable_data_ptr(), call.on.stream);
  return {loss, grad_u, grad_w, coefficients};
}

std::tuple<Tensor, Tensor, Tensor> relation_loss_backward(const Tensor& grad, const Tensor& grad_u,
                                                          const Tensor& grad_w,
                                                          const Tensor& grad_coefficients,
                                                          const Tensor& cu_u, const Tensor& cu_w,
                                                          ScalarType dtype) {
  const char* op = "relation_loss_backward";
  const LossGradients given(op, grad, grad_u, grad_w, grad_coefficients, cu_u, cu_w);
  const ScalarType wide = grad.scalar_type();
  require(dtype == wide || (dtype == ScalarType::BFloat16 && wide == ScalarType::Float), op,
          ": dtype must be that of grad, ", torch::headeronly::toString(wide),
          ", or bfloat16 beside float32, not ", torch::headeronly::toString(dtype));
  const OnDevice on(grad);
  const Tensor bounds_u = bounds_on_device(given.cu_u, grad, on);
  const Tensor bounds_w = bounds_on_device(given.cu_w, grad, on);
  const int64_t classes = given.u.size(1), size = given.u.size(2);
  const auto result = [&](const Tensor& like) {
    return torch::stable::new_empty(grad, {like.size(0), classes, size}, dtype);
  };
  Tensor to_u = result(given.u), to_w = result(given.w);
  Tensor coefficients = torch::stable::new_empty(grad, {3, classes}, wide);
  launch_scale({relation_type(dtype), given.grad.const_data_ptr(),
                bounds_u.const_data_ptr<int32_t>(), bounds_w.const_data_ptr<int32_t>(),
                static_cast<int>(grad.size(0)), static_cast<int>(classes), static_cast<int>(size),
                given.u.size(0), given.w.size(0), given.u.const_data_ptr(),
                given.w.const_data_ptr(), given.coefficients.const_data_ptr<double>(),
                to_u.mutable_data_ptr(), to_w.mutable_data_ptr(), coefficients.mutable_data_ptr()},
               on.stream);
  return {to_u, to_w, coefficients};
}

// What was counted.
std::tuple<Tensor, Tensor, Tensor, Tensor> write_found(Call& call, const DecodeRules& rules,
                                                       const DecodeWork& work, int64_t found) {
  const auto column = [&] { return call.make({found}, ScalarType::Long); };
  Tensor heads = column(), tails = column(), labels = column();
  Tensor probabilities = call.make({found}, call.wide);
  if (found > 0) {
    launch_decode_write(call.call, call.run, rules, work,
                        {heads.mutable_data_ptr<int64_t>(), tails.mutable_data_ptr<int64_t>(),
                         labels.mutable_data_ptr<int64_t>(), probabilities.mutable_data_ptr()},
                        call.on.stream);
  }
  return {heads, tails, labels, probabilities};
}

std::tuple<Tensor, Tensor, Tensor, Tensor> relation_decode(
    const Tensor& u, const Tensor& w, const Tensor& pos_u, const Tensor& pos_w, const Tensor& cu_u,
    const Tensor& cu_w, const Tensor& alpha, const Tensor& beta, const Tensor& gamma,
    int64_t none_class, double none_bias, bool best_tail, const std::optional<Tensor>& allowed,
    const std::optional<Tensor>& type_w, const std::optional<Tensor>& type_u) {
  Call call("relation_decode", u, w, pos_u, pos_w, cu_u, cu_w, alpha, beta, gamma);
  call.check_none_class(none_class);
  const RelationRule rule(call, allowed, type_w, type_u);
  call.plan(false);
  DecodeRules rules{
      static_cast<int>(none_class), none_bias, best_tail, nullptr, nullptr, nullptr, rule.types};
  if (rule.restricted) {
    rules.allowed = rule.allowed.const_data_ptr<bool>();
    rules.type_w = rule.type_w.const_data_ptr<int64_t>();
    rules.type_u = rule.type_u.const_data_ptr<int64_t>();
    launch_check_types(call.call, rules, call.on.stream);
  }
  DecodeWork work{};
  if (call.wait_for_pairs() == 0) return write_found(call, rules, work, 0);
  const int64_t rows = call.run.tiles * call.run.shape.tile;
  if (best_tail) {
    work.best = call.work<unsigned char>(rows * static_cast<int64_t>(best_tail_bytes()));
  } else {
    work.counts = call.work<int32_t>(rows);
  }
  Tensor begin = call.make({call.rows_w + 1}, ScalarType::Long);
  work.row_begin = begin.mutable_data_ptr<int64_t>();
  launch_decode_count(call.call, call.run, rules, work, call.on.stream);
  const Tensor total = Call::on_host(torch::stable::narrow(begin, 0, call.rows_w, 1));
  return write_found(call, rules, work, total.const_data_ptr<int64_t>()[0]);
}

}  // namespace
}  // namespace jnrf::cuda

JNRF_CUDA_IMPL(m) {
  m.impl("relation_scores", TORCH_BOX(&jnrf::cuda::relation_scores));
  m.impl("relation_scores_backward", TORCH_BOX(&jnrf::cuda::relation_scores_backward));
  m.impl("relation_loss", TORCH_BOX(&jnrf::cuda::relation_loss));
  m.impl("relation_loss_backward", TORCH_BOX(&jnrf::cuda::relation_loss_backward));
  m.impl("relation_decode", TORCH_BOX(&jnrf::cuda::relation_decode));
}
