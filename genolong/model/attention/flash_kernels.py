"""PyTorch's flash attention kernels: they return the log-sum-exp, and take it in the backward pass."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

aten = torch.ops.aten

CUDNN_CAPABILITY = (9, 0)  # Hopper: there cuDNN took 0.6 to 0.8 of the time of PyTorch's own kernels
CUDNN_WIDEST = 128  # channels of a head
CUDNN_SHORTEST = 32  # positions
CUDNN_NUMBERS = 1 << 22  # of queries

Rows = Float[Tensor, "problems heads length width"]
KeyRows = Float[Tensor, "problems heads keys width"]
RowSums = Float[Tensor, "problems heads length"]
Grads = tuple[Rows, KeyRows, KeyRows]


def attend(queries: Rows, keys: KeyRows, values: KeyRows) -> tuple[Rows, RowSums]:
    """Softmax attention within each problem and head, and the natural log of each row's softmax denominator.

    Scores are divided by the square root of `width`. The log-sum-exp is float32 (float64 for float64 inputs).
    """
    return _kernels(queries)[0](queries, keys, values)


def attend_backward(
    grad: Rows, queries: Rows, keys: KeyRows, values: KeyRows, out: Rows, lse: RowSums
) -> Grads:  # fmt: skip
    """Gradients with respect to queries, keys and values, for a softmax with output `out` and log-sum-exp `lse`.

    The softmax may be over more keys than these: then this is exactly these keys' share of its gradient (probabilities
    are exp(score - lse); each score's gradient is probability * (grad . value - grad . out)).
    """
    return _kernels(queries)[1](grad, queries, keys, values, out, lse)


Forward = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]
Backward = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor], tuple[Tensor, Tensor, Tensor]]


def _kernels(queries: Tensor) -> tuple[Forward, Backward]:
    if queries.device.type == "cpu":
        return _cpu, _cpu_backward
    if (
        queries.device.type == "cuda"
        and queries.dtype in (torch.float16, torch.bfloat16)
        and queries.shape[-1] % 8 == 0
    ):
        return (_cudnn, _cudnn_backward) if _by_cudnn(queries) else (_cuda_half, _cuda_half_backward)
    if queries.device.type == "cuda" and queries.dtype == torch.float32 and queries.shape[-1] % 4 == 0:
        return _cuda_single, _cuda_single_backward
    return _plain, _plain_backward


def _by_cudnn(queries: Tensor) -> bool:
    """Whether to use cuDNN: if it is faster, which is on Hopper and later, for problems large enough to pay its plans.

    It makes a plan for every shape. It does not promise the same bits every time, and is untested on rows whose
    distance exceeds 32 bits.
    """
    reach = sum((size - 1) * step for size, step in zip(queries.shape, queries.stride(), strict=True))
    return (
        torch.cuda.get_device_capability(queries.device) >= CUDNN_CAPABILITY
        and torch.backends.cudnn.is_available()
        and queries.shape[-1] <= CUDNN_WIDEST
        and queries.shape[2] >= CUDNN_SHORTEST
        and queries.numel() >= CUDNN_NUMBERS
        and reach < 1 << 31
        and not torch.are_deterministic_algorithms_enabled()
    )


def _cpu(queries: Tensor, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    return aten._scaled_dot_product_flash_attention_for_cpu(queries, keys, values)


def _cpu_backward(grad: Tensor, queries: Tensor, keys: Tensor, values: Tensor, out: Tensor, lse: Tensor):
    backward = aten._scaled_dot_product_flash_attention_for_cpu_backward
    return backward(grad, queries, keys, values, out, lse, 0.0, False)


def _cudnn(queries: Tensor, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    out, lse, *_ = aten._scaled_dot_product_cudnn_attention(queries, keys, values, None, True)
    return out, lse.squeeze(-1)


def _cudnn_backward(grad: Tensor, queries: Tensor, keys: Tensor, values: Tensor, out: Tensor, lse: Tensor):
    lengths = queries.shape[2], keys.shape[2]
    lse = lse.contiguous().unsqueeze(-1)
    unused = torch.empty((), dtype=torch.int64, device=queries.device)  # the random state of a dropout that is 0
    backward = aten._scaled_dot_product_cudnn_attention_backward
    return backward(grad, queries, keys, values, out, lse, unused, unused, None, None, None, *lengths, 0.0, False)


def _cuda_half(queries: Tensor, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    out, lse, *_ = aten._scaled_dot_product_flash_attention(queries, keys, values)
    return out, lse


def _cuda_half_backward(grad: Tensor, queries: Tensor, keys: Tensor, values: Tensor, out: Tensor, lse: Tensor):
    lengths = queries.shape[2], keys.shape[2]
    lse = lse.contiguous()  # the kernel ignores its strides
    unused = torch.empty(0, dtype=torch.int64, device=queries.device)  # the random state of a dropout that is 0
    backward = aten._scaled_dot_product_flash_attention_backward
    return backward(grad, queries, keys, values, out, lse, None, None, *lengths, 0.0, False, unused, unused)


def _cuda_single(queries: Tensor, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    out, lse, *_ = aten._scaled_dot_product_efficient_attention(queries, keys, values, None, True)
    return out, lse[..., : queries.shape[2]]


def _cuda_single_backward(grad: Tensor, queries: Tensor, keys: Tensor, values: Tensor, out: Tensor, lse: Tensor):
    length = queries.shape[2]
    padded = torch.nn.functional.pad(lse, (0, -length % 32), value=float("inf")).contiguous()  # it reads rows of 32
    unused = torch.empty((), dtype=torch.int64, device=queries.device)
    backward = aten._scaled_dot_product_efficient_attention_backward
    wanted = [True, True, True, False]
    dq, dk, dv, _ = backward(grad, queries, keys, values, None, out, padded, unused, unused, 0.0, wanted)
    return dq, dk, dv


def _plain(queries: Tensor, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    scores = _scores(queries, keys)
    lse = scores.logsumexp(-1)
    return ((scores - lse.unsqueeze(-1)).exp() @ values.to(scores)).to(values), lse


def _plain_backward(grad: Tensor, queries: Tensor, keys: Tensor, values: Tensor, out: Tensor, lse: Tensor):
    scores = _scores(queries, keys)
    chances, grad = (scores - lse.unsqueeze(-1)).exp(), grad.to(scores)
    along_out = (grad * out.to(scores)).sum(-1, keepdim=True)
    slopes = chances * (grad @ values.to(scores).mT - along_out) * queries.shape[-1] ** -0.5
    dq, dk, dv = slopes @ keys.to(scores), slopes.mT @ queries.to(scores), chances.mT @ grad
    return dq.to(queries), dk.to(queries), dv.to(queries)


def _scores(queries: Tensor, keys: Tensor) -> Tensor:
    wide = torch.promote_types(queries.dtype, torch.float32)
    return queries.to(wide) @ keys.to(wide).mT * queries.shape[-1] ** -0.5
