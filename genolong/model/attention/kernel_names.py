"""The kernels that attention runs with, by name; importing them takes no PyTorch."""

KERNELS = ("aten", "cpp", "flash", "triton")


def check_kernels(kernels: str) -> None:
    """Raises ValueError for kernels that do not exist."""
    if kernels not in KERNELS:
        raise ValueError(f"kernels {kernels!r}: wanted one of {', '.join(KERNELS)}")
