"""By how many bytes a process grows in some training steps; run as a program, which is told the step as JSON."""

import json
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import torch

from genolong.kept_memory import keep_freed_memory
from genolong.model.costs.step import Step
from genolong.model.encoder_settings import EncoderSettings
from tests.builders.c_library import undecided
from tests.builders.steps import model, take

STEPS = 4  # after which gaps no longer grow
PROJECT = Path(__file__).resolve().parents[2]
RETURNS = {"MALLOC_MMAP_THRESHOLD_": str(1 << 20)}  # the C library is told to return what is freed


def grown(taken: Step, *, keeps: bool) -> int:
    """In a process of one thread that keeps what it frees, or returns it."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.builders.resident_step", json.dumps(asdict(taken))],
        env=undecided() | {"OMP_NUM_THREADS": "1"} | ({} if keeps else RETURNS),
        cwd=PROJECT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return int(done.stdout)


def kilobytes(name: str) -> int:
    """Of this process; ru_maxrss would begin with what the parent had when it forked."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(name))


def main() -> None:
    torch.set_num_threads(1)
    keep_freed_memory()  # unless the environment decides
    given = json.loads(sys.argv[1])
    taken = Step(**{**given, "encoder": EncoderSettings(**given["encoder"])})
    trained = model(taken)
    optimizer = torch.optim.AdamW(trained.parameters())
    take(replace(taken, window_bp=256), trained)  # loads what a process holds in any case
    optimizer.zero_grad()
    before = kilobytes("VmRSS")
    for _ in range(STEPS):
        take(taken, trained)
        optimizer.step()
        optimizer.zero_grad()
    sys.stdout.write(f"{1024 * (kilobytes('VmHWM') - before)}\n")


if __name__ == "__main__":
    main()
