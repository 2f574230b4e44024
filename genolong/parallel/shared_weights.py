"""Sharded weights: each process keeps a part of every block's weights, and gathers a block when computing it."""

import warnings
from collections.abc import Mapping
from typing import Any

import torch.distributed as dist
from pytorch_lightning.core.optimizer import LightningOptimizer
from torch import Tensor
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict, get_optimizer_state_dict
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import (
    FullyShardedDataParallel,
    OptimStateKeyType,
    fully_shard,
    register_fsdp_forward_method,
)
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.optim import Optimizer

from genolong.parallel.strategy import SequenceParallelStrategy

WHOLE = StateDictOptions(full_state_dict=True, cpu_offload=True)


class SharedWeightsStrategy(SequenceParallelStrategy):
    """SequenceParallelStrategy with weights, gradients and optimizer state sharded over all processes (FSDP2).

    Checkpoints are complete, and the same as without sharding. The module must have an `encoder` with `blocks`.
    """

    def configure_ddp(self) -> None:
        """Shard the weights of each block, and then all others, instead of wrapping the module."""
        # the warning does not matter, because nothing modifies the module's outputs in place
        warnings.filterwarnings("ignore", r"FSDP2-wrapped module .* returned a view tensor", UserWarning)
        module = self.lightning_module
        assert module is not None
        mesh = init_device_mesh(self.root_device.type, (self.world_size,))
        for block in module.encoder.blocks:  # type: ignore[attr-defined,union-attr]
            fully_shard(block, mesh=mesh)
            register_fsdp_forward_method(block, "lean")
        fully_shard(module, mesh=mesh)

    def lightning_module_state_dict(self) -> dict[str, Any]:
        """The complete weights in the first process; nothing in the others."""
        assert self.lightning_module is not None
        return get_model_state_dict(self.lightning_module, options=WHOLE)

    def optimizer_state(self, optimizer: Optimizer) -> dict[str, Any]:
        """The complete state in the first process, in the form of an unsharded optimizer's."""
        module = self.lightning_module
        assert module is not None
        inner = optimizer.optimizer if isinstance(optimizer, LightningOptimizer) else optimizer
        state = get_optimizer_state_dict(module, inner, options=WHOLE)
        if dist.get_rank():
            return state
        return FullyShardedDataParallel.rekey_optim_state_dict(state, OptimStateKeyType.PARAM_ID, module)

    def load_optimizer_state_dict(self, checkpoint: Mapping[str, Any]) -> None:
        """Load this process's part of the complete state, which all processes have read."""
        for optimizer, state in zip(self.optimizers, checkpoint["optimizer_states"], strict=True):
            own = [weight for group in optimizer.param_groups for weight in group["params"]]
            saved = [number for group in state["param_groups"] for number in group["params"]]
            parts = {
                number: {name: _part(value, weight) for name, value in state["state"][number].items()}
                for number, weight in zip(saved, own, strict=True)
                if number in state["state"]
            }
            optimizer.load_state_dict({**state, "state": parts})


def _part(value: Any, weight: Tensor) -> Any:
    """This process's part of a weight's optimizer state; values of another shape, such as step counts, stay whole."""
    if not isinstance(weight, DTensor) or not isinstance(value, Tensor) or value.shape != weight.shape:
        return value
    placed = value.to(weight.device)
    return distribute_tensor(placed, weight.device_mesh, weight.placements, src_data_rank=None)
