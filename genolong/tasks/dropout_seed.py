"""Seeds dropout's random numbers before each step, so that they depend on nothing that came before."""

import torch


def seed_dropout(seed: int, device: torch.device) -> None:
    """Seeds PyTorch's own generators, of the CPU and of the model's GPU.

    The numbers are those after `torch.manual_seed`, which in every step would also note for accelerators that this
    machine lacks who seeded them: a millisecond.
    """
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)
