"""Training steps small enough to test: what they cost is counted, and they can be taken."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from genolong.model.costs.step import Step
from genolong.model.encoder import Encoder
from genolong.model.heads import MaskedBaseHead
from genolong.parallel.shard import SequenceShard
from tests.builders.made_up_group import MadeUpGroup
from tests.builders.models import encoder_settings


def step(encoder: dict[str, Any] | None = None, **changes: Any) -> Step:
    """101 bases, batch 2, all on one CPU; each field can be changed by name, the encoder's as a dictionary."""
    values = {
        "window_bp": 101, "batch": 2, "accumulation": 1, "checkpoint_blocks": 0, "half": False, "fused": False,
        "kernels": "aten", "muon": False, "averaged": False, "devices": 1, "sequence": 1, "share_weights": False,
    }  # fmt: skip
    return Step(encoder=encoder_settings(**(encoder or {})), **(values | changes))


def model(of: Step) -> nn.Sequential:
    """The model whose step it is."""
    torch.manual_seed(3)
    encoder = Encoder(of.encoder, of.checkpoint_blocks)
    encoder.kernels = of.kernels
    return nn.Sequential(encoder, MaskedBaseHead(of.encoder.width))


def take(of: Step, trained: nn.Sequential) -> Tensor:
    """One forward and backward pass; of several processes that share a window, that of one in the middle."""
    shard = SequenceShard(of.window_bp, MadeUpGroup(of.sequence // 2, of.sequence))
    codes = torch.randint(0, 6, (of.batch, shard.end - shard.start), dtype=torch.uint8)
    encoder, head = trained
    with torch.autocast("cpu", torch.bfloat16, enabled=of.half):
        logits = encoder(codes, shard, head).flatten(0, 1)
        loss = functional.cross_entropy(logits, torch.zeros(len(logits), dtype=torch.int64), reduction="none").sum()
    loss.backward()
    return loss.detach()
