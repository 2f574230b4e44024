"""The results of a softmax over all branches that its backward pass needs."""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

HeadRows = Float[Tensor, "batch length heads width"]
RowSums = Float[Tensor, "batch length heads"]
POSITIONS = {"cpu": 1 << 12, "cuda": 1 << 16}  # processed at once, to limit memory


class Joint(NamedTuple):
    """The output of a softmax and every row's log-sum-exp; `along` is each row's sum of grad * out.

    One of `out` and `along` may be None, because a kernel reads only one of them.
    """

    out: HeadRows | None
    lse: RowSums
    along: RowSums | None

    def sums(self, grad: HeadRows) -> RowSums:
        """`along`, computed from the output if necessary."""
        return self.along if self.along is not None else sums_along(grad, self.output)

    @property
    def output(self) -> HeadRows:
        if self.out is None:
            raise ValueError("sums alone, where the output is needed, too")
        return self.out


def sums_along(grad: HeadRows, out: HeadRows) -> RowSums:
    """Each row's sum of grad * out, at least in float32."""
    sums = grad.new_empty(grad.shape[:3], dtype=torch.promote_types(grad.dtype, torch.float32))
    at_once = POSITIONS.get(grad.device.type, POSITIONS["cuda"])
    for begin in range(0, grad.shape[1], at_once):
        some = slice(begin, begin + at_once)
        torch.sum(grad[:, some].to(sums.dtype) * out[:, some], dim=-1, out=sums[:, some])
    return sums
