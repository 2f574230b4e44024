"""PyTorch's attention operators for GPUs, in float32 and as their definitions say."""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

HALF = (torch.float16, torch.bfloat16)
ROWS = 32  # of log-sum-exps, to a multiple of which one kernel fills up
Grads = tuple[Tensor, Tensor, Tensor]


def _scores(queries: Tensor, keys: Tensor) -> Tensor:
    return queries.float() @ keys.float().mT * queries.shape[-1] ** -0.5


def _attend(queries: Tensor, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    assert queries.dtype == keys.dtype == values.dtype
    scores = _scores(queries, keys)
    return (scores.softmax(-1) @ values.float()).to(values), scores.logsumexp(-1)


def _attend_backward(grad: Tensor, queries: Tensor, keys: Tensor, values: Tensor, out: Tensor, lse: Tensor) -> Grads:
    assert lse.dtype == torch.float32 and grad.dtype == queries.dtype
    chances, single = (_scores(queries, keys) - lse.unsqueeze(-1)).exp(), grad.float()
    slopes = chances * (single @ values.float().mT - (single * out.float()).sum(-1, keepdim=True))
    slopes *= queries.shape[-1] ** -0.5
    dq, dk, dv = slopes @ keys.float(), slopes.mT @ queries.float(), chances.mT @ single
    return dq.to(queries), dk.to(keys), dv.to(values)


def _flash(queries: Tensor, keys: Tensor, values: Tensor, *_given: Any, **_named: Any) -> tuple:
    assert queries.dtype in HALF
    out, lse = _attend(queries, keys, values)
    lengths = queries.shape[2], keys.shape[2]
    return out, lse, torch.tensor(0), torch.tensor(0), *lengths, *_no_dropout(queries), queries.new_empty(0)


def _flash_backward(grad: Tensor, *given: Any, **_named: Any) -> Grads:
    assert given[4].is_contiguous()  # the kernel ignores strides of log-sum-exps
    return _attend_backward(grad, *given[:5])


def _cudnn(queries: Tensor, *given: Any, **_named: Any) -> tuple:
    out, lse, *others = _flash(queries, *given)
    return out, lse.unsqueeze(-1), *others


def _cudnn_backward(grad: Tensor, *given: Any, **_named: Any) -> Grads:
    return _flash_backward(grad, *given[:4], given[4].squeeze(-1))


def _efficient(queries: Tensor, keys: Tensor, values: Tensor, *_given: Any, **_named: Any) -> tuple:
    out, lse = _attend(queries, keys, values)
    return out, pad(lse, (0, -lse.shape[2] % ROWS), value=float("inf")), *_no_dropout(queries)


def _efficient_backward(
    grad: Tensor, queries: Tensor, keys: Tensor, values: Tensor, _bias: None, out: Tensor, lse: Tensor,
    *_given: Any, **_named: Any,
) -> tuple:  # fmt: skip
    assert lse.is_contiguous() and lse.shape[2] % ROWS == 0 <= lse.shape[2] - queries.shape[2] < ROWS
    lse = lse[..., : queries.shape[2]]
    return *_attend_backward(grad, queries, keys, values, out, lse), torch.Tensor()


def _no_dropout(queries: Tensor) -> tuple[Tensor, Tensor]:
    return torch.zeros((), dtype=torch.int64, device=queries.device), queries.new_zeros((), dtype=torch.int64)


def define() -> torch.library.Library:
    """Gives the operators to tensors of GPUs for as long as the library is held."""
    library = torch.library.Library("aten", "IMPL")
    kinds = {"flash": (_flash, _flash_backward), "cudnn": (_cudnn, _cudnn_backward)}
    for kind, (forward, backward) in (kinds | {"efficient": (_efficient, _efficient_backward)}).items():
        library.impl(f"_scaled_dot_product_{kind}_attention", forward, "CUDA")
        library.impl(f"_scaled_dot_product_{kind}_attention_backward", backward, "CUDA")
    return library
