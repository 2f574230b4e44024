"""The legs of a training that was gone on with: what was another when it went on, and how to go the same way again."""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from genolong.errors import InputError
from genolong.report.typed_settings import leaves, typed
from genolong.runs.differences import differences

ATTENTION = "trainer.attention"

# of the settings that may be others when a training goes on, those that its weights or its figures depend on
BEARING = (
    "trainer.max_steps", "trainer.validate_every", ATTENTION, "trainer.devices", "trainer.accelerator",
    "context.batch", "context.accumulation", "context.checkpoint_blocks", "parallel.sequence", "parallel.share_weights",
)  # fmt: skip


class End(NamedTuple):
    """After which step a training ends, other than its last; `validated`: as it would have ended after its last."""

    step: int
    validated: bool = True


def left_after(end: End | None) -> int | None:
    """The step after which a training is left without having ended."""
    return None if end is None or end.validated else end.step


class Leg(NamedTuple):
    """A part of a training: the settings, by their keys, that were others than the record's, and where it ended."""

    other: Mapping[str, Any]
    end: End

    def of(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """The record as it would be of a training that had this leg's settings."""
        attention = {"attention": str(self.other[ATTENTION])} if ATTENTION in self.other else {}
        return {**record, **attention, "settings": _replaced(record["settings"], self.other)}

    def __str__(self) -> str:
        """To be told before it is gone again."""
        shown = ", ".join(f"{key}={typed(value)}" for key, value in self.other.items())
        return f"up to step {self.end.step:,}{f' with {shown}' if shown else ''}, as in the original run"


def went_on(before: Mapping[str, Any], now: Mapping[str, Any], step: int, checkpoint: Path | None) -> dict[str, Any]:
    """What a record keeps of a training that goes on after `step`: where from, and what was another until then.

    `before` is the record of the part before, or what its checkpoint says of it; `now` is the new record.
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
    """Whether PyTorch's kernels took the place of C++, or C++ theirs."""
    pair = then.get("attention"), now.get("attention")
    return () if None in pair or pair[0] == pair[1] else (f"attention: {str(pair[0])[:9]} then, {pair[1]} now",)


def legs(record: Mapping[str, Any], place: Path) -> list[Leg]:
    """The legs in which a finished training went, the last one with the record's own settings.

    Parts that lost all that they did are left out. Raises InputError, naming `place`, for what no training wrote.
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
        if first < end == steps:  # what came after it did no step
            found = [Leg(other, End(steps))]
        elif first < end:
            found.append(Leg(other, End(end, entry.finished and end == entry.step)))
    found.reverse()
    return [leg for leg, after in pairwise(found) if leg.end.validated or leg.other != after.other] + found[-1:]


def causes(record: Mapping[str, Any]) -> Iterator[str]:
    """What could explain that a training that went on is another when it is made again: its machine was another."""
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
    """Settings that a training depends on; attention by PyTorch's kernels is so everywhere, whoever chose them."""
    found = {key: value for key, value in leaves(record["settings"]) if key in BEARING}
    return {**found, ATTENTION: "aten"} if record.get("attention") == "aten" else found


def _replaced(node: Mapping[str, Any], other: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found = {}
    for key, value in node.items():
        name = f"{prefix}{key}"
        found[key] = _replaced(value, other, f"{name}.") if isinstance(value, Mapping) else other.get(name, value)
    return found
