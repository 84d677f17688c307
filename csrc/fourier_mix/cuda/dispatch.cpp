#include "fourier_mix/cuda/dispatch.h"

#include <algorithm>
#include <atomic>
#include <optional>
#include <utility>

#include "fourier_mix/cuda/cufft/plans.h"

namespace jnrf::cuda {
namespace {

using torch::headeronly::ScalarType;

// Spectra that are in memory at a time, unless a single document needs more: about what an L2 cache
// holds.
constexpr int64_t kGroupBytes = int64_t{1} << 26;

// The longest pieces that go by the product, by what was measured (docs/performance.md): three
// launches for all, where cuFFT takes some of the host's time for each. It depends on a piece's
// length alone, so that no bit of a document depends on what it is packed with.
std::atomic<int64_t> product_limit{512};

class OnDevicePieces {
 public:
  OnDevicePieces(const Input& input, PieceTable table)
      : table_(std::move(table)),
        numbers_(torch::stable::new_empty(input.x, {static_cast<int64_t>(table_.numbers.size())},
                                          ScalarType::Int)) {
    launch_write_bounds(table_.numbers.data(), static_cast<int64_t>(table_.numbers.size()),
                        numbers_.mutable_data_ptr<int32_t>(), input.on.stream);
  }
  DevicePieces get() const { return {table_, numbers_.const_data_ptr<int32_t>()}; }

 private:
  PieceTable table_;
  Tensor numbers_;
};

// One after another by cuFFT, in memory that they share.
void transform(const Input& input, const MixEpilogue& epilogue, int64_t columns,
               const std::vector<FourierPlans::Work>& work) {
  std::optional<Tensor> workspace;
  FourierPlans::all().transform(
      work,
      {input.x.get_device_index(), 0, epilogue.hidden, epilogue.type == MixType::kDouble, columns},
      input.on.stream, [&](size_t bytes) {
        workspace =
            torch::stable::new_empty(input.x, {static_cast<int64_t>(bytes)}, ScalarType::Byte);
        return workspace->mutable_data_ptr();
      });
}

// Rows of all documents by a kernel, their columns one document after another by cuFFT.
void mix_by_columns(const Input& input, const std::vector<Document>& documents,
                    const MixEpilogue& epilogue) {
  const OnDevicePieces owner(input, PieceTable(documents, 0, 0, 1));
  const DevicePieces pieces = owner.get();
  const int64_t columns = fft_columns(epilogue.hidden);
  const Tensor spectra =
      torch::stable::new_empty(input.x, {pieces.table.rows, 2 * columns}, ScalarType::Float);
  auto* numbers = spectra.mutable_data_ptr<float>();
  launch_fold_columns(epilogue, input.x.const_data_ptr(), input.wide, pieces, numbers,
                      input.on.stream);
  std::vector<FourierPlans::Work> work;
  for (size_t d = 0; d < documents.size(); ++d) {
    float* place = numbers + pieces.table.row(d) * 2 * columns;
    work.push_back({documents[d].length, place, place});
  }
  transform(input, epilogue, columns, work);
  launch_column_epilogue(epilogue, pieces, numbers, input.on.stream);
}

// Which long documents go by columns: those that cuFFT transforms in one kernel, and those whose
// length has a large prime factor. Others, in several kernels, were slower by columns.
bool columns_pay(int64_t length) {
  constexpr int64_t kOneKernel = 8192, kLargestFactor = 127;  // cuFFT's, as documented
  if (length <= kOneKernel) return true;
  for (int64_t factor = 2; factor <= kLargestFactor; ++factor) {
    while (length % factor == 0) length /= factor;
  }
  return length > 1;
}

// Documents whole by cuFFT, one after another, and one epilogue for all.
void mix_by_fft(const Input& input, const std::vector<Document>& documents,
                const MixEpilogue& epilogue) {
  const OnDevicePieces owner(input, PieceTable(documents, 0, 0, 1));
  const DevicePieces pieces = owner.get();
  const int64_t hidden = epilogue.hidden, half = hidden / 2 + 1;
  const size_t size = wide_size(epilogue.type);
  const ScalarType dtype = wide_dtype(epilogue.type);
  auto* from = static_cast<char*>(input.x.mutable_data_ptr());
  const auto place = [&](size_t d) { return from + documents[d].first * hidden * size; };
  // cuFFT reads pairs of numbers.
  bool readable = input.wide || epilogue.type != MixType::kBfloat16;
  for (size_t d = 0; readable && d < documents.size(); ++d) {
    readable = reinterpret_cast<uintptr_t>(place(d)) % (2 * size) == 0;
  }
  std::optional<Tensor> gathered;
  if (!readable) {
    gathered = torch::stable::new_empty(input.x, {pieces.table.rows, hidden}, dtype);
    launch_gather_rows(from, epilogue.type, input.wide, pieces, hidden,
                       gathered->mutable_data_ptr(), input.on.stream);
  }
  const Tensor spectra = torch::stable::new_empty(input.x, {pieces.table.rows, 2 * half}, dtype);
  std::vector<FourierPlans::Work> work;
  for (size_t d = 0; d < documents.size(); ++d) {
    const int64_t row = pieces.table.row(d);
    char* to = static_cast<char*>(spectra.mutable_data_ptr()) + row * 2 * half * size;
    char* aligned = gathered
                        ? static_cast<char*>(gathered->mutable_data_ptr()) + row * hidden * size
                        : place(d);
    work.push_back({documents[d].length, aligned, to});
  }
  transform(input, epilogue, 0, work);
  launch_spectrum_epilogue(epilogue, pieces, spectra.const_data_ptr(), input.on.stream);
}

// All documents, or their windows, at once.
void mix_by_product(const Input& input, const std::vector<Document>& documents, int64_t window,
                    int64_t shift, const MixEpilogue& epilogue) {
  const OnDevicePieces owner(input, product_table(epilogue, documents, window, shift));
  const int64_t pairs = owner.get().table.pairs;
  const Tensor folded = torch::stable::new_empty(
      input.x, {pairs, 2, product_columns(epilogue.hidden)}, ScalarType::Float);
  const Tensor middle = torch::stable::new_empty(input.x, {pairs}, ScalarType::Float);
  launch_mix_product(epilogue, input.x.const_data_ptr(), input.wide, owner.get(),
                     folded.mutable_data_ptr<float>(), middle.mutable_data_ptr<float>(),
                     input.on.stream);
}

// Windows that are short, in one kernel.
void mix_by_windows(const Input& input, const std::vector<Document>& documents, int64_t window,
                    int64_t shift, const MixEpilogue& epilogue) {
  const OnDevicePieces owner(input, windows_table(documents, window, shift));
  launch_mix_windows(epilogue, input.x.const_data_ptr(), owner.get(), input.on.stream);
}

// Calls work(group) for neighbouring documents, as many as have few enough bytes of spectra.
template <typename F>
void in_groups(const std::vector<Document>& documents, int64_t row_bytes, const F& work) {
  for (size_t first = 0, next = 0; first < documents.size(); first = next) {
    int64_t bytes = 0;
    for (; next < documents.size() && (next == first || bytes < kGroupBytes); ++next) {
      bytes += documents[next].length * row_bytes;
    }
    work({documents.begin() + first, documents.begin() + next});
  }
}

}  // namespace

ScalarType wide_dtype(MixType type) {
  return type == MixType::kDouble ? ScalarType::Double : ScalarType::Float;
}

int64_t exchange_product_limit(int64_t tokens) {
  return tokens >= 0 ? product_limit.exchange(tokens) : product_limit.load();
}

void mix(const Input& input, std::vector<Document> documents, int64_t window, int64_t shift,
         const MixEpilogue& epilogue) {
  std::erase_if(documents, [](const Document& document) { return document.length == 0; });
  const int64_t limit = product_supports(epilogue.hidden, epilogue.type) ? product_limit.load() : 0;
  if (window && window <= limit && windows_support(epilogue.hidden, window, epilogue.type)) {
    mix_by_windows(input, documents, window, shift, epilogue);
    return;
  }
  if (window && window <= limit) {
    mix_by_product(input, documents, window, shift, epilogue);
    return;
  }
  if (window) documents = packed_windows(documents, window, shift);
  const auto first_long =
      std::stable_partition(documents.begin(), documents.end(),
                            [&](const Document& document) { return document.length <= limit; });
  if (first_long != documents.begin()) {
    mix_by_product(input, {documents.begin(), first_long}, 0, 0, epilogue);
  }
  documents.erase(documents.begin(), first_long);
  const bool supported = columns_support(epilogue.hidden, epilogue.type);
  const auto first_whole = std::stable_partition(
      documents.begin(), documents.end(),
      [&](const Document& document) { return supported && columns_pay(document.length); });
  const int64_t size = static_cast<int64_t>(wide_size(epilogue.type));
  in_groups({documents.begin(), first_whole}, 2 * fft_columns(epilogue.hidden) * size,
            [&](const std::vector<Document>& group) { mix_by_columns(input, group, epilogue); });
  in_groups({first_whole, documents.end()}, (epilogue.hidden + 2) * size,
            [&](const std::vector<Document>& group) { mix_by_fft(input, group, epilogue); });
}

}  // namespace jnrf::cuda
