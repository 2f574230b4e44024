"""`plan`: from settings, the cost of a training step on one device: memory, operations, traffic and time."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from genolong.commands.planning.plan_settings import PlanSettings
from genolong.commands.training.heap import wasted
from genolong.commands.training.training_step import Remedy, remedies, training_step
from genolong.counted import size
from genolong.genome.files.other_kinds import refuse_other_kind
from genolong.model.costs.flops import Flops, flops
from genolong.model.costs.memory import Memory, memory
from genolong.model.costs.seconds import Rates, Seconds, bytes_moved, seconds
from genolong.model.costs.starts import starts
from genolong.model.costs.step import Step, weights
from genolong.model.costs.traffic import Traffic, traffic
from genolong.report.figures import Table
from genolong.runs.record import write_json


@dataclass(frozen=True)
class Plan:
    """A step's costs, the memory available for it (`room`) in bytes, and what to change if it does not fit."""

    step: Step
    memory: Memory
    kept: int
    recomputed: int
    flops: Flops
    traffic: Traffic
    rates: Rates
    seconds: Seconds
    process: int
    room: int
    remedies: tuple[Remedy, ...]

    @property
    def fits(self) -> bool:
        return self.peak <= self.room

    @property
    def peak(self) -> int:
        """Bytes at the peak, including the process's own memory and gaps in the C library's heap (on a CPU)."""
        return self.peak_of(self.step)

    @property
    def gaps(self) -> int:
        """Bytes in unused gaps of the heap; 0 on a GPU, whose memory the C library does not manage."""
        return wasted(self.step, self.room)

    def peak_of(self, step: Step) -> int:
        """The same bytes as `peak`, of another step of this process."""
        return memory(step).peak + self.process + wasted(step, self.room)


def plan(settings: PlanSettings) -> Plan:
    """Computes the costs; trains nothing, and reads files only if the window depends on the genome."""
    settings = replace(settings, context=replace(settings.context, window_bp=_window(settings)))
    step, device = training_step(settings, cuda=settings.device.cuda), settings.device
    assert settings.context.window_bp is not None
    settings.model.check_window(settings.context.window_bp, step.sequence)
    room, process = device.memory(step.devices), round(1e9 * device.process_gb)
    rates, found = device.rates(step.half, step.devices), memory(step)
    made = Plan(
        step=step,
        memory=found,
        kept=memory(replace(step, checkpoint_blocks=0)).activations,
        recomputed=memory(replace(step, checkpoint_blocks=max(1, step.checkpoint_blocks))).activations,
        flops=flops(step),
        traffic=traffic(step),
        rates=rates,
        seconds=seconds(step, rates),
        process=process,
        room=room,
        remedies=(),
    )
    if not made.fits:
        made = replace(made, remedies=tuple(remedies(step, room, made.peak_of)))
    if settings.json is not None:
        path = Path(settings.json).expanduser()
        refuse_other_kind(path, b"{", "a file of figures")
        write_json(path, figures(made))
    return made


def table(made: Plan) -> Table:
    """What one device has to hold, compute and receive, as a table for people."""
    step, found, took = made.step, made.memory, made.seconds
    again = max(1, step.checkpoint_blocks)
    bases = step.window_bp * step.batch * step.accumulation * (step.devices // step.sequence)
    rows = [
        ("parameters", f"{weights(step.encoder).all:,}, {size(found.weights)}"),
        ("gradients; optimizer state", f"{size(found.gradients)}; {size(found.optimizer)}"),
        ("activations, all kept", size(made.kept)),
        (f"activations, recomputed (context.checkpoint_blocks={again})", size(made.recomputed)),
        ("keys of other devices, while gathered", size(found.gathered)),
        ("the process itself, and gaps in its heap", f"{size(made.process)}; {size(made.gaps)}"),
        ("peak memory", f"{size(made.peak)} of {size(made.room)} ({made.peak / made.room:.0%})"),
        ("operations: forward; backward; recomputed", "; ".join(_told(part / 1e12) for part in made.flops) + " TFLOP"),
        *((f"received, branch {long}/{every}", size(sent)) for (long, every), sent in made.traffic.branches),
        ("received, halos; weights", f"{size(made.traffic.halos)}; {size(made.traffic.weights)}"),
        ("received, total", size(made.traffic.all)),
        ("seconds: arithmetic; memory; link; starting", "; ".join(map(_told, took))),
        ("seconds a step", f"{_told(took.all)}, mostly {took.limit}: {bases / took.all:,.0f} bases/s on all devices"),
    ]  # fmt: skip
    shared = f", {step.sequence} to a window" if step.sequence > 1 else ""
    title = f"one device of {step.devices}{shared}; window {step.window_bp:,}, batch {step.batch}, one optimizer step"
    return Table(title, ("what", "how much"), tuple(rows))


def notes(made: Plan) -> list[str]:
    """The rates used, and settings to change if a GPU waits or the step does not fit."""
    lines = [
        f"rates: {_told(made.rates.operations / 1e12)} TFLOP/s, memory {_told(made.rates.moved / 1e9)} GB/s, "
        f"link {_told(made.rates.received / 1e9)} GB/s (device.*); {size(bytes_moved(made.step))} moved in memory"
    ]
    if made.seconds.limit == "starting":
        lines.append(
            f"a step starts {starts(made.step):,} operations on the GPU, which waits for the CPU: more windows at once "
            "(context.batch) take hardly longer"
        )
    if not made.fits:
        lines.append(f"does not fit: {size(made.peak)} needed, {size(made.room)} available; what would help:")
        for remedy in made.remedies:
            enough = "fits" if remedy.peak <= made.room else "not enough alone"
            lines.append(f"  {remedy.settings}: {size(remedy.peak)}, {enough}")
    return lines


def _told(number: float) -> str:
    """A number with three digits, or with all digits before the decimal point."""
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


def figures(made: Plan) -> dict[str, Any]:
    """All results by name: bytes, operations, seconds."""
    return {
        "window_bp": made.step.window_bp,
        "devices": made.step.devices,
        "sequence": made.step.sequence,
        "checkpoint_blocks": made.step.checkpoint_blocks,
        "parameters": weights(made.step.encoder).all,
        "memory_bytes": {
            **made.memory._asdict(), "activations_kept": made.kept, "activations_recomputed": made.recomputed,
            "process": made.process, "gaps": made.gaps, "peak_with_process": made.peak, "there": made.room,
        },
        "fits": made.fits,
        "remedies": [
            {"settings": remedy.settings, "peak_with_process": remedy.peak}
            for remedy in made.remedies
        ],
        "flops": {**made.flops._asdict(), "all": made.flops.all},
        "received_bytes": {
            "branches": [
                {"segment": branch.segment, "dilation": branch.dilation, "bytes": received}
                for branch, received in made.traffic.branches
            ],
            "halos": made.traffic.halos, "weights": made.traffic.weights, "all": made.traffic.all,
        },
        "rates": made.rates._asdict(),
        "seconds": {**made.seconds._asdict(), "all": made.seconds.all, "limit": made.seconds.limit},
    }  # fmt: skip


def _window(settings: PlanSettings) -> int:
    """The window as in train: context=chromosome depends on the genome."""
    if settings.context.window_bp is not None:
        return settings.context.window_bp
    from genolong.commands.training.train import with_window
    from genolong.genome.fasta import Genome

    genome = Genome.open(settings.data.fasta, settings.data.cache)
    found = with_window(settings, genome).context.window_bp
    assert found is not None
    return found
