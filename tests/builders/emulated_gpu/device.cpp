// GPUs emulated by PyTorch's build for CPUs: what computes on their tensors computes on the CPU, in the same memory.
//
// Or, if they are idle, on PyTorch's meta tensors: shapes and types without numbers, in memory that is only counted.
// Streams and events do nothing, because all operations are finished when they return.

#include <ATen/ATen.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <ATen/native/Resize.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <torch/csrc/distributed/c10d/reducer_timer.hpp>
#include <torch/library.h>

namespace {

c10::DeviceIndex number = 0;               // of GPUs
thread_local c10::DeviceIndex chosen = 0;  // the current GPU
bool idle = false;
std::atomic<int64_t> held = 0, most = 0;  // bytes of idle GPUs
std::atomic<uintptr_t> unused = 1ull << 40;  // the next address of idle GPUs

constexpr size_t UNIT = 512;  // bytes, of which PyTorch's allocator for GPUs gives multiples

c10::Device host() { return c10::Device(idle ? c10::DeviceType::Meta : c10::DeviceType::CPU); }

}  // namespace

namespace at {

using c10::Device, c10::DeviceIndex, c10::DeviceType, c10::Stream, torch::CppFunction, torch::jit::Stack;

struct CUDAHooks : CUDAHooksInterface {  // its name is the one that PyTorch looks for
    explicit CUDAHooks(CUDAHooksArgs) {}
    void init() const override {}
    bool hasCUDA() const override { return true; }
    bool isBuilt() const override { return true; }
    bool isAvailable() const override { return number > 0; }
    DeviceIndex deviceCount() const override { return number; }
    DeviceIndex getCurrentDevice() const override { return chosen; }
    bool hasPrimaryContext(DeviceIndex) const override { return true; }
    Allocator *getPinnedMemoryAllocator() const override { return c10::GetCPUAllocator(); }
    bool isPinnedPtr(const void *) const override { return true; }
};
REGISTER_CUDA_HOOKS(CUDAHooks)

struct Guard : c10::impl::NoOpDeviceGuardImpl<DeviceType::CUDA> {
    Device exchangeDevice(Device device) const override {
        return Device(DeviceType::CUDA, std::exchange(chosen, device.index()));
    }
    Device getDevice() const override { return Device(DeviceType::CUDA, chosen); }
    void setDevice(Device device) const override { chosen = device.index(); }
    void uncheckedSetDevice(Device device) const noexcept override { chosen = device.index(); }
    DeviceIndex deviceCount() const noexcept override { return number; }
    Stream getStream(Device device) const noexcept override { return Stream(Stream::DEFAULT, device); }
    Stream getNewStream(Device device, int) const override { return getStream(device); }
    Stream exchangeStream(Stream stream) const noexcept override { return stream; }
    void record(void **, const Stream &, const DeviceIndex, const c10::EventFlag) const override {}
    void block(void *, const Stream &) const override {}
    bool queryEvent(void *) const override { return true; }
};
C10_REGISTER_GUARD_IMPL(CUDA, Guard)

// Memory of an idle GPU: an address, and its size.
DataPtr counted(size_t bytes, Device device) {
    bytes = (bytes + UNIT - 1) / UNIT * UNIT;
    if (!bytes) return DataPtr(nullptr, device);
    auto all = held += bytes;
    for (auto before = most.load(); all > before && !most.compare_exchange_weak(before, all);) {}
    auto free = [](void *size) { held -= reinterpret_cast<intptr_t>(size); };
    return DataPtr(reinterpret_cast<void *>(unused += bytes), reinterpret_cast<void *>(bytes), free, device);
}

// The same memory for another device; if GPUs are idle, as much.
DataPtr memory(const Storage &from, Device device) {
    if (idle) return device.is_cuda() ? counted(from.nbytes(), device) : DataPtr(nullptr, device);
    auto *held = new Storage(from);
    return DataPtr(held->mutable_data(), held, [](void *each) { delete static_cast<Storage *>(each); }, device);
}

Tensor laid_out(const Tensor &like, Tensor made) {
    made.unsafeGetTensorImpl()->set_sizes_and_strides(like.sizes(), like.strides(), like.storage_offset());
    return made;
}

Storage moved(const Storage &from, Device device) {
    auto *allocator = idle ? GetAllocator(DeviceType::Meta) : c10::GetCPUAllocator();
    return Storage(Storage::use_byte_size_t{}, from.nbytes(), memory(from, device), allocator, true);
}

Tensor placed(const Tensor &like, Storage storage) {
    DispatchKeySet keys(storage.device().is_cuda() ? DispatchKey::CUDA : idle ? DispatchKey::Meta : DispatchKey::CPU);
    return laid_out(like, detail::make_tensor<TensorImpl>(std::move(storage), keys, like.dtype()));
}

// What an operation changed in the tensor of the CPU.
void adopt(const Tensor &there, const Tensor &here) {
    auto *storage = there.storage().unsafeGetStorageImpl();
    if (idle ? storage->nbytes() != here.storage().nbytes() : storage->data() != here.storage().data()) {
        storage->set_data_ptr_noswap(memory(here.storage(), there.device()));
        storage->set_nbytes(here.storage().nbytes());
    }
    if (!there.sizes().equals(here.sizes()) || !there.strides().equals(here.strides())) laid_out(here, there);
}

// With `of` each tensor in it.
IValue mapped(const IValue &value, const std::function<Tensor(const Tensor &)> &of) {
    if (value.isTensor() && value.toTensor().defined()) return of(value.toTensor());
    if (!value.isList()) return value;
    auto all = value.toList().copy();
    for (size_t i = 0; i < all.size(); ++i) all.set(i, mapped(all.get(i), of));
    return all;
}

const std::set<std::string> TAKE_BOTH{"aten::copy_", "aten::index", "aten::index_put_", "aten::_index_put_impl_"};

// An operation with the tensors of a GPU as the CPU's.
void run(const c10::OperatorHandle &operation, DispatchKeySet, Stack *stack) {
    Device device(DeviceType::CUDA, chosen);
    std::vector<std::pair<Tensor, Tensor>> pairs;  // there and here
    std::vector<Tensor> others;
    auto to_host = [&](const Tensor &tensor) {
        if (!tensor.is_cuda()) return others.emplace_back(tensor);
        for (auto &[there, here] : pairs)
            if (there.is_same(tensor)) return here;
        for (auto &[there, here] : pairs)
            if (there.is_alias_of(tensor)) return pairs.emplace_back(tensor, placed(tensor, here.storage())).second;
        return pairs.emplace_back(tensor, placed(tensor, moved(tensor.storage(), host()))).second;
    };
    auto begin = stack->size() - operation.schema().arguments().size();
    for (auto i = begin; i < stack->size(); ++i) {
        auto &value = (*stack)[i];
        if (value.isDevice() && value.toDevice().is_cuda()) {
            if (value.toDevice().has_index()) device = value.toDevice();
            value = host();
        } else if (value.isStorage()) {
            value = moved(value.toStorage(), host());
        } else {
            value = mapped(value, to_host);
        }
    }
    if (pairs.size()) device = pairs[0].first.device();
    if (!TAKE_BOTH.contains(operation.operator_name().name)) {
        for (auto &other : others)
            TORCH_CHECK(!pairs.size() || !other.dim(), operation.operator_name(), ": tensors of a device and of the CPU");
        for (auto &[there, here] : pairs)
            TORCH_CHECK(there.device() == device, operation.operator_name(), ": tensors of several devices");
    }

    operation.redispatchBoxed(DispatchKeySet(idle ? DispatchKey::Meta : DispatchKey::CPU), stack);

    for (auto &[there, here] : pairs) adopt(there, here);
    auto back = [&](const Tensor &made) {
        for (auto &other : others)
            if (other.is_same(made)) return made;
        for (auto &[there, here] : pairs)
            if (here.is_same(made)) return there;
        for (auto &[there, here] : pairs)
            if (here.is_alias_of(made))
                return laid_out(made, detail::make_tensor<TensorImpl>(
                    TensorImpl::VIEW, Storage(there.storage()), there.key_set(), made.dtype()));
        return pairs.emplace_back(placed(made, moved(made.storage(), device)), made).first;
    };
    begin = stack->size() - operation.schema().returns().size();
    for (auto i = begin; i < stack->size(); ++i) (*stack)[i] = mapped((*stack)[i], back);
}

Tensor on_host(const Tensor &there) { return placed(there, moved(there.storage(), host())); }

void resize_storage(const Tensor &there, int64_t bytes) {
    auto here = on_host(there);
    native::resize_bytes_cpu(here.storage().unsafeGetStorageImpl(), bytes);
    adopt(there, here);
}

TORCH_LIBRARY_IMPL(_, CUDA, library) { library.fallback(CppFunction::makeFromBoxedFunction<&run>()); }

TORCH_LIBRARY_IMPL(aten, CUDA, library) {  // what would look for a GPU's own way
    for (auto *name : {"copy_", "convolution", "convolution_backward", "silu_backward"})
        library.impl(name, CppFunction::makeFromBoxedFunction<&run>());
}

struct Silent : c10::WarningHandler {
    void process(const c10::Warning &) override {}
};

void send_through_memory() {  // instead of PyTorch's way, which needs NCCL
    Silent silent;
    c10::WarningUtils::WarningHandlerGuard guard(&silent);
    static torch::Library library(torch::Library::IMPL, "c10d", DispatchKey::CUDA, __FILE__, __LINE__);
    for (auto *name : {"send", "recv_", "allreduce_", "broadcast_", "allgather_", "_allgather_base_",
                       "_reduce_scatter_base_"})
        library.impl(name, CppFunction::makeFromBoxedFunction<&run>());
}

TORCH_LIBRARY(emulated_gpu, library) {
    library.def("on_host(Tensor there) -> Tensor");
    library.def("resize_storage(Tensor there, int bytes) -> ()");
}

TORCH_LIBRARY_IMPL(emulated_gpu, CUDA, library) {
    library.impl("on_host", on_host);
    library.impl("resize_storage", resize_storage);
}

}  // namespace at

extern "C" void emulate(int gpus, bool without_numbers) {
    number = gpus;
    idle = without_numbers;
    at::send_through_memory();
}
extern "C" int current() { return chosen; }
extern "C" void choose(int gpu) { chosen = gpu; }
extern "C" int64_t most_bytes() { return most; }  // at any time since `forget`
extern "C" void forget() { most = held.load(); }

namespace c10d {

struct Timeless : Timer {
    explicit Timeless(c10::Device) {}
    std::optional<int64_t> measureDifference(Event, Event) override { return std::nullopt; }
};
C10_REGISTER_TYPED_CLASS(TimerRegistry, c10::DeviceType::CUDA, Timeless);

}  // namespace c10d
