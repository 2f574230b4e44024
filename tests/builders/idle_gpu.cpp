// A GPU that computes nothing: it tells PyTorch's build for CPUs that there is one, whose streams and events do nothing.
//
// Together with PyTorch's fake tensors, which hold no numbers, code for a GPU runs without one.

#include <ATen/detail/CUDAHooksInterface.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>

namespace at {

using c10::Device, c10::DeviceIndex, c10::DeviceType, c10::Stream;

struct CUDAHooks : CUDAHooksInterface {  // its name is the one that PyTorch looks for
    explicit CUDAHooks(CUDAHooksArgs) {}
    void init() const override {}
    bool hasCUDA() const override { return true; }
    bool isBuilt() const override { return true; }
    bool isAvailable() const override { return true; }
    DeviceIndex deviceCount() const override { return 1; }
    DeviceIndex getCurrentDevice() const override { return 0; }
    bool hasPrimaryContext(DeviceIndex) const override { return true; }
    Allocator *getPinnedMemoryAllocator() const override { return c10::GetCPUAllocator(); }
    bool isPinnedPtr(const void *) const override { return true; }
};
REGISTER_CUDA_HOOKS(CUDAHooks)

struct IdleGuard : c10::impl::NoOpDeviceGuardImpl<DeviceType::CUDA> {
    Device exchangeDevice(Device) const override { return getDevice(); }
    Device getDevice() const override { return Device(DeviceType::CUDA, 0); }
    Stream getStream(Device) const noexcept override { return Stream(Stream::DEFAULT, getDevice()); }
    Stream getNewStream(Device device, int) const override { return getStream(device); }
    Stream exchangeStream(Stream stream) const noexcept override { return stream; }
    void record(void **, const Stream &, const DeviceIndex, const c10::EventFlag) const override {}
    void block(void *, const Stream &) const override {}
    bool queryEvent(void *) const override { return true; }
};
C10_REGISTER_GUARD_IMPL(CUDA, IdleGuard)

}  // namespace at
