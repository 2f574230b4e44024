"""The legs of a resumed training: what differed between them, and how to repeat the training with the same legs."""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from genolong.errors import InputError
from genolong.report.typed_settings import leaves, typed
from genolong.runs.differences import differences

ATTENTION = "trainer.attention"

# settings that may differ when a training resumes, and that affect its weights or metrics
BEARING = (
    "trainer.max_steps", "trainer.validate_every", ATTENTION, "trainer.devices", "trainer.accelerator",
    "context.batch", "context.accumulation", "context.checkpoint_blocks", "parallel.sequence", "parallel.share_weights",
)  # fmt: skip


class End(NamedTuple):
    """The step after which a training ends early; `validated`: with the validation that follows a last step."""

    step: int
    validated: bool = True


def left_after(end: End | None) -> int | None:
    """The step after which a training is stopped without a proper end, if any."""
    return None if end is None or end.validated else end.step


class Leg(NamedTuple):
    """A part of a training: the settings (by full name) in which it differed from the record, and where it ended."""

    other: Mapping[str, Any]
    end: End

    def of(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """The record that a training with this leg's settings would have."""
        attention = {"attention": str(self.other[ATTENTION])} if ATTENTION in self.other else {}
        return {**record, **attention, "settings": _replaced(record["settings"], self.other)}

    def __str__(self) -> str:
        """For the message before the leg is repeated."""
        shown = ", ".join(f"{key}={typed(value)}" for key, value in self.other.items())
        return f"up to step {self.end.step:,}{f' with {shown}' if shown else ''}, as in the original run"


def went_on(before: Mapping[str, Any], now: Mapping[str, Any], step: int, checkpoint: Path | None) -> dict[str, Any]:
    """The record's entry for a training that resumes after `step`: from which checkpoint, and what differed before.

    `before` is the record of the previous part, or what its checkpoint says of it; `now` is the new record.
    """
    then, here = (_bearing(record) for record in (before, now))
    return {
        "step": step,
        "from": str(checkpoint),
        "finished": before.get("status") == "finished" and before.get("steps") == step,
        "then": {key: value for key, value in then.items() if key in here and here[key] != value},
        "another": [*other_attention(before, now), *differences(before, now)],
    }


def other_attention(then: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[str, ...]:
    """A line if attention changed between PyTorch's kernels and C++."""
    pair = then.get("attention"), now.get("attention")
    return () if None in pair or pair[0] == pair[1] else (f"attention: {str(pair[0])[:9]} then, {pair[1]} now",)


def legs(record: Mapping[str, Any], place: Path) -> list[Leg]:
    """The legs of a finished training; the last one has the record's own settings.

    Leaves out parts whose steps were all lost. Raises InputError, naming `place`, if the record is not valid.
    """
    try:
        steps, entries = int(record.get("steps", record["settings"]["trainer"]["max_steps"])), _entries(record)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"{place}: does not say how its training went ({error!r}); wanted the record of a run"
        ) from error
    found, other, end = [Leg({}, End(steps))], {}, steps
    begun = [0, *(entry.step for entry in entries)][: len(entries)]
    for entry, first in zip(reversed(entries), reversed(begun), strict=True):
        other, end = {**other, **entry.then}, min(end, entry.step)
        if first < end == steps:  # the parts after it did no step
            found = [Leg(other, End(steps))]
        elif first < end:
            found.append(Leg(other, End(end, entry.finished and end == entry.step)))
    found.reverse()
    return [leg for leg, after in pairwise(found) if leg.end.validated or leg.other != after.other] + found[-1:]


def causes(record: Mapping[str, Any]) -> Iterator[str]:
    """Reasons why repeating a resumed training may give another result: differences between its machines."""
    for entry in record.get("resumed", ()):
        where = f"when it resumed after step {entry['step']}"
        if "then" not in entry:
            yield f"{where}: an earlier version did not record what was different until then"
        yield from (f"{where}: {line}" for line in entry.get("another", ()))


class _Entry(NamedTuple):
    step: int
    finished: bool
    then: dict[str, Any]


def _entries(record: Mapping[str, Any]) -> list[_Entry]:
    found = []
    for entry in record.get("resumed", ()):
        then, another = dict(entry.get("then", {})), entry.get("another", [])
        if unknown := [key for key in then if key not in BEARING]:
            raise ValueError(f"resumed: {str(unknown[0])[:40]}")
        if not isinstance(another, list) or not all(isinstance(line, str) for line in another):
            raise TypeError("resumed: another")
        found.append(_Entry(int(entry["step"]), bool(entry.get("finished")), then))
    return found


def _bearing(record: Mapping[str, Any]) -> dict[str, Any]:
    """Settings that affect a training; attention is `aten` if PyTorch's kernels were used, for whatever reason."""
    found = {key: value for key, value in leaves(record["settings"]) if key in BEARING}
    return {**found, ATTENTION: "aten"} if record.get("attention") == "aten" else found


def _replaced(node: Mapping[str, Any], other: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found = {}
    for key, value in node.items():
        name = f"{prefix}{key}"
        found[key] = _replaced(value, other, f"{name}.") if isinstance(value, Mapping) else other.get(name, value)
    return found
