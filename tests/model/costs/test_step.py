"""What decides on a step's costs: how many weights there are, and how often blocks are run."""

import pytest

from genolong.model.costs.step import weights
from genolong.model.encoder import Block
from tests.builders.models import encoder_settings
from tests.builders.steps import model, step, take


@pytest.mark.parametrize(
    "changes", [{}, {"kernel": 0}, {"mlp": "swiglu", "layers": 5}, {"width": 30, "mlp_ratio": 1.3}]
)
def test_weights_are_as_many_as_the_model_has(changes):
    counted, whole = weights(encoder_settings(**changes)), model(step(changes))
    assert counted.all == sum(weight.numel() for weight in whole.parameters())
    blocks = [module for module in whole.modules() if isinstance(module, Block)]
    assert counted.block == sum(weight.numel() for weight in blocks[0].parameters())
    matrices = [weight for block in blocks for weight in block.parameters() if weight.ndim == 2]
    assert counted.matrices == sum(weight.numel() for weight in matrices)


@pytest.mark.parametrize("layers", [1, 4, 5])
@pytest.mark.parametrize("checkpoint_blocks", [0, 1, 2, 3, 7])
def test_blocks_run_as_often_as_counted(layers, checkpoint_blocks, monkeypatch):
    runs = []
    for name in ("forward", "lean"):
        original = getattr(Block, name)
        monkeypatch.setattr(
            Block, name, lambda self, *given, of=original, **more: runs.append(1) or of(self, *given, **more)
        )
    taken = step({"layers": layers}, checkpoint_blocks=checkpoint_blocks)
    take(taken, model(taken))
    assert len(runs) == taken.runs_of_blocks


def test_the_longest_slice_is_that_of_the_device_with_most_to_do():
    assert step(window_bp=101, sequence=3, devices=3).longest_slice == 34
    assert step(window_bp=101).longest_slice == 101
