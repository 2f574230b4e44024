"""Run as a program: by how many bytes a process grows in two training steps, which are told as JSON."""

import json
import sys
from dataclasses import replace

import torch

from genolong.model.costs.step import Step
from genolong.model.encoder import EncoderSettings
from tests.builders.steps import model, take


def kilobytes(name: str) -> int:
    """Of this process; ru_maxrss would begin with what the parent had when it forked."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(name))


def main() -> None:
    torch.set_num_threads(1)
    given = json.loads(sys.argv[1])
    taken = Step(**{**given, "encoder": EncoderSettings(**given["encoder"])})
    trained = model(taken)
    optimizer = torch.optim.AdamW(trained.parameters())
    take(replace(taken, window_bp=256), trained)  # loads what a process holds in any case
    optimizer.zero_grad()
    before = kilobytes("VmRSS")
    for _ in range(2):
        take(taken, trained)
        optimizer.step()
        optimizer.zero_grad()
    sys.stdout.write(f"{1024 * (kilobytes('VmHWM') - before)}\n")


if __name__ == "__main__":
    main()
