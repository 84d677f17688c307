// What the CPU and the CUDA operator of selection check alike.
#pragma once

#include <cstdint>

#include "core/checks.h"

namespace jnrf {

inline constexpr const char* kSelectTokensOp = "select_tokens";

// The arguments' contiguous forms, their shapes and types checked. Whether the labels have roles,
// and what the bounds hold, is checked where it can be read.
struct SelectArguments {
  Tensor labels, role_of_label, cu_seqlens;
  int64_t tokens, num_labels, documents;

  SelectArguments(const Tensor& labels_given, const Tensor& role_given, const Tensor& cu_given,
                  int64_t capacity) {
    using torch::headeronly::ScalarType;
    constexpr const char* op = kSelectTokensOp;
    require(labels_given.dim() == 1 || labels_given.dim() == 2, op,
            ": labels must have the shape [T] or [T, L], not ", shape_of(labels_given));
    require(capacity >= 0, op, ": capacity must not be negative, but is ", capacity);
    role_of_label = checked(op, "role_of_label", role_given, {-1}, ScalarType::Int);
    cu_seqlens = checked(op, "cu_seqlens", cu_given, {-1}, ScalarType::Int);
    require(role_given.device() == labels_given.device(), op,
            ": role_of_label must be on the device of labels");
    require(cu_given.is_cpu() || cu_given.device() == labels_given.device(), op,
            ": cu_seqlens must be on the device of labels, or on the CPU");
    tokens = labels_given.size(0);
    num_labels = role_given.size(0);
    documents = cu_given.size(0) - 1;
    require(documents >= 0, op, ": cu_seqlens must have the shape [B + 1], not [0]");
    require(tokens <= INT32_MAX && num_labels <= INT32_MAX, op,
            ": at most 2^31 - 1 tokens and labels, not ", tokens, " and ", num_labels);
    require(labels_given.dim() == 1 || (labels_given.size(1) == num_labels && num_labels > 0), op,
            ": labels must have the shape [T] or, as logits, [T, ", num_labels, "], not ",
            shape_of(labels_given));
    labels = torch::stable::contiguous(labels_given);
  }
};

}  // namespace jnrf
