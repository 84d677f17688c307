#include "fourier_mix/cuda/cufft/plans.h"

#include <algorithm>
#include <iterator>
#include <stdexcept>
#include <string>

#include "device/launch.h"
#include "fourier_mix/cuda/cufft/cufft.h"

namespace jnrf::cuda {
namespace {

void check_cufft(const char* what, const FourierPlan& plan, int result) {
  if (result == 0) return;
  throw std::runtime_error(
      "jnrf: cuFFT " + std::string(what) + " of " + std::to_string(plan.length) + " tokens of " +
      std::to_string(plan.hidden) + " features failed with code " + std::to_string(result));
}

int make(FourierPlan& plan) {
  long long sizes[] = {plan.length, plan.hidden};
  if (plan.columns == 0) {
    return cufft().make_plan(plan.handle, 2, sizes, nullptr, 1, 0, nullptr, 1, 0,
                             plan.wide ? kCufftD2Z : kCufftR2C, 1, &plan.workspace);
  }
  return cufft().make_plan(plan.handle, 1, sizes, sizes, plan.columns, 1, sizes, plan.columns, 1,
                           kCufftC2C, plan.columns, &plan.workspace);
}

int execute(const FourierPlan& plan, const FourierPlans::Work& work) {
  if (plan.columns) return cufft().exec_c2c(plan.handle, work.from, work.to, kCufftForward);
  return plan.wide ? cufft().exec_d2z(plan.handle, static_cast<double*>(work.from), work.to)
                   : cufft().exec_r2c(plan.handle, static_cast<float*>(work.from), work.to);
}

}  // namespace

FourierPlans& FourierPlans::all() {
  // Never destroyed: at the end of the process CUDA may be gone before us.
  static auto* plans = new FourierPlans;
  return *plans;
}

void FourierPlans::transform(const std::vector<Work>& documents, FourierPlan like, void* stream,
                             const std::function<void*(size_t)>& workspace) {
  const bool capture = capturing(stream);
  const std::lock_guard lock(mutex_);
  const auto plan_of = [&](const Work& work) -> FourierPlan& {
    like.length = work.length;
    return find_or_make(like, capture);
  };
  size_t bytes = 0;
  for (const Work& work : documents) bytes = std::max(bytes, plan_of(work).workspace);
  void* memory = bytes ? workspace(bytes) : nullptr;
  for (const Work& work : documents) {
    // Made above; again only where a call has more lengths than plans are kept.
    FourierPlan& plan = plan_of(work);
    check_cufft("stream", plan, cufft().set_stream(plan.handle, stream));
    if (plan.workspace) {
      check_cufft("workspace", plan, cufft().set_work_area(plan.handle, memory));
    }
    check_cufft("transform", plan, execute(plan, work));
    ++plan.calls;
    plan.captured = plan.captured || capture;
  }
}

FourierPlan& FourierPlans::find_or_make(const FourierPlan& wanted, bool capturing) {
  const auto found = std::find_if(plans_.begin(), plans_.end(),
                                  [&](const FourierPlan& plan) { return plan.is(wanted); });
  if (found != plans_.end()) {
    plans_.splice(plans_.begin(), plans_, found);
    return plans_.front();
  }
  if (capturing) {
    throw std::runtime_error(
        "jnrf: no cuFFT plan yet for " + std::to_string(wanted.length) + " tokens of " +
        std::to_string(wanted.hidden) +
        " features, and none can be made while a CUDA graph is captured; mix documents of these "
        "lengths once before (and see fourier_plan_limit)");
  }
  drop_beyond(std::max<size_t>(limit_, 1) - 1);
  FourierPlan plan = wanted;
  check_cufft("handle", plan, cufft().create(&plan.handle));
  try {
    check_cufft("setting", plan, cufft().set_auto_allocation(plan.handle, 0));
    check_cufft("plan", plan, make(plan));
  } catch (...) {
    cufft().destroy(plan.handle);
    throw;
  }
  plans_.push_front(plan);
  return plans_.front();
}

void FourierPlans::drop_beyond(size_t count) {
  // From the one that was not used for longest. What graphs use stays.
  for (auto plan = plans_.end(); plans_.size() > count && plan != plans_.begin();) {
    --plan;
    if (plan->captured) continue;
    cufft().destroy(plan->handle);
    plan = plans_.erase(plan);
  }
}

std::vector<FourierPlan> FourierPlans::list() {
  const std::lock_guard lock(mutex_);
  return {plans_.begin(), plans_.end()};
}

void FourierPlans::clear() {
  const std::lock_guard lock(mutex_);
  for (const FourierPlan& plan : plans_) cufft().destroy(plan.handle);
  plans_.clear();
}

size_t FourierPlans::limit() {
  const std::lock_guard lock(mutex_);
  return limit_;
}

void FourierPlans::set_limit(size_t limit) {
  const std::lock_guard lock(mutex_);
  limit_ = limit;
  drop_beyond(limit_);
}

}  // namespace jnrf::cuda
