"""Sections of a page made from a run's record: settings, input files, cost, provenance, and how to reproduce it."""

import shlex
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from genolong.counted import counted, size
from genolong.quoted import command_on
from genolong.report.figures import Table
from genolong.report.html import Markup, element, joined
from genolong.report.page import bars, code, command, folded, note, pairs, paragraph, table
from genolong.report.typed_settings import leaves, typed

Record = Mapping[str, Any]


def settings(record: Record) -> Markup:
    """Every setting, in a folded table per group."""
    chosen = _mapping(record, "settings")
    single = {key: value for key, value in chosen.items() if not isinstance(value, Mapping)}
    groups = {"general": single} if single else {}
    groups |= {key: value for key, value in chosen.items() if isinstance(value, Mapping)}
    return joined(
        folded(group, counted(len(own), "setting"), pairs((name, code(typed(value))) for name, value in own))
        for group, node in groups.items()
        if (own := list(leaves(node, "" if node is single else f"{group}.")))
    )


def files_read(record: Record) -> Markup:
    """The sha256 of every input file, and of the weights of a model that was used."""
    read = [*_mapping(record, "inputs_sha256").items(), *_mapping(record, "regions_sha256").items()]
    models = [
        (f"weights of the model ({name})", record[key])
        for key, name in (("init_from_sha256", "init_from"), ("model_sha256", "model"))
        if record.get(key)
    ]
    if not read and not models:
        return note("The record names no input files.")
    rows = ((name, joined(("sha256 ", code(sha256)))) for name, sha256 in (*read, *models))
    return pairs(rows, long_names=True)


def notes(record: Record) -> list[str]:
    """The notes shown to the user during the run."""
    told = record.get("notes")
    return [str(line) for line in told] if isinstance(told, list) else []


def composition(record: Record) -> Markup:
    """How many bases of each contig were used for training and for validation."""
    known = _mapping(record, "split")
    if not known:
        return note("The record does not say how the genome was split: it is from an earlier version of genolong.")
    rows = [
        (
            str(each.get("contig")),
            *(_whole(each.get(what)) for what in ("length", "train", "validation")),
        )
        for each in known.get("contigs", ())
        if isinstance(each, Mapping)
    ]
    titles = ("contig", "bases", "for training", "for validation")
    shown = table(Table("bases of every contig, longest first", titles, tuple(rows)))
    others = _mapping(known, "others")
    more = None
    if others.get("contigs"):
        more = note(
            f"and {_whole(others['contigs'])} shorter contigs: {_whole(others.get('length'))} bases, "
            f"{_whole(others.get('train'))} for training, {_whole(others.get('validation'))} for validation"
        )
    notes = [element("li", line) for line in known.get("notes", ())]
    return joined((shown, more, element("ul", *notes, class_="note") if notes else None))


def cost(record: Record) -> Markup:
    """Time, and speed and memory where known."""
    seconds, steps = seconds_of(record), record.get("steps")
    since = steps_since(record)
    last = "" if since in (None, steps) else f" of the last {_whole(since)} steps"
    rows: list[tuple[object, object]] = [(f"time{last}", None if seconds is None else duration(seconds))]
    if seconds and since and steps:
        rows.append(("steps a second", f"{since / seconds:,.3g}"))
        if record.get("bases"):
            rows.append(("bases a second", f"{record['bases'] / steps * since / seconds:,.0f}"))
    waited = record.get("waited_for_data_s")
    if seconds and isinstance(waited, float):
        rows.append(("waiting for data", f"{waited:,.1f} s, {waited / seconds:.1%} of the time"))
    memory = _mapping(record, "peak_memory_bytes")
    for name, whose in (("host", "peak memory of the first process"), ("gpu", "peak memory of its GPU")):
        rows.append((whose, size(memory[name]) if isinstance(memory.get(name), int) else None))
    told = "Time is from the start of the last command to its end, including opening files, validation and checkpoints."
    if not memory:
        told += " Memory was not recorded."
    return joined((pairs(rows), note(told)))


def provenance(record: Record) -> Markup:
    """When, how and on what the run was made: everything in the record except settings and files."""
    machine, versions, source = (_mapping(record, name) for name in ("machine", "versions", "code"))
    resumed = [
        "; ".join((f"after step {_whole(each.get('step'))} of {each.get('from')}", *_another(each)))
        for each in record.get("resumed", ())
        if isinstance(each, Mapping)
    ]
    changed = None
    if source:
        has_diff = source.get("diff") != ""
        changed = f"yes; the diff, sha256 {source.get('diff_sha256')}, is in the record" if has_diff else "none"
    rows = (
        ("status", record.get("status")), ("started", record.get("started")), ("finished", record.get("finished")),
        ("resumed", element("ul", *(element("li", line) for line in resumed)) if resumed else None),
        ("seed", record.get("seed")), ("threads", machine.get("threads")), ("GPU", machine.get("gpu") or "none"),
        ("processor", ", ".join(str(machine[key]) for key in ("processor", "vectors") if machine.get(key)) or None),
        ("attention", record.get("attention")), ("cores", machine.get("cores")), ("system", machine.get("system")),
        ("genolong commit", code(source["commit"]) if source.get("commit") else None), ("uncommitted changes", changed),
        ("weights", joined(("sha256 ", code(record["weights_sha256"]))) if record.get("weights_sha256") else None),
        ("command", _command_of(record)),
    )  # fmt: skip
    packages = pairs((name, version or "not installed") for name, version in versions.items())
    return joined((pairs(rows), folded("versions", counted(len(versions), "package"), packages)))


def made_again(record: Record, place: str) -> Markup:
    """The command that reproduces the result."""
    if record.get("status") != "finished":
        return note("This run has not finished, so there is nothing to reproduce yet; the same command continues it.")
    told = "This repeats the work from the record alone, and says whether the result is the same:"
    return joined((paragraph(told), command(command_on("reproduce", "run", place))))


def statuses(title: str, counts: Mapping[str, int], scored: tuple[str, ...]) -> Markup:
    """A bar chart of alleles by status, scored ones first."""
    rows = sorted(counts.items(), key=lambda pair: (pair[0] not in scored, -pair[1], pair[0]))
    return bars(title, ("status", "alleles"), rows, f"{', '.join(scored)}: scored; all others say why not.")


def footer(record: Record) -> str:
    """The last line of a page."""
    version = _mapping(record, "versions").get("genolong")
    return f"genolong {version or 'of an unknown version'}; all numbers come from the run's files, none is typed in."


def moment(record: Record, name: str) -> str:
    """A time of the record, as 2026-11-26 02:46 UTC."""
    try:
        return f"{datetime.fromisoformat(str(record[name])).astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    except (KeyError, ValueError, OverflowError):
        return "at an unknown time"


def seconds_of(record: Record) -> float | None:
    """Seconds from the start of the last command to its end."""
    try:
        begun, ended = (datetime.fromisoformat(str(record[name])) for name in ("started", "finished"))
        return (ended - begun).total_seconds()
    except (KeyError, ValueError, TypeError):
        return None


def steps_since(record: Record) -> int | None:
    """Number of steps that the last command took."""
    steps, resumed = record.get("steps"), record.get("resumed") or [{"step": 0}]
    before = resumed[-1].get("step") if isinstance(resumed[-1], Mapping) else None
    return steps - before if isinstance(steps, int) and isinstance(before, int) else None


def duration(seconds: float) -> str:
    """59 s, 3 min 20 s, 5 h 12 min, 2 d 3 h."""
    whole = round(seconds)
    for large, small, size_s, part_s in (("d", "h", 86_400, 3_600), ("h", "min", 3_600, 60), ("min", "s", 60, 1)):
        if whole >= size_s:
            return f"{whole // size_s} {large} {whole % size_s // part_s} {small}"
    return f"{whole} s"


def _another(entry: Record) -> list[str]:
    """What changed when a training was resumed: settings, and notes on the rest."""
    another = entry.get("another")
    settings = [f"{key}={typed(value)} until then" for key, value in _mapping(entry, "then").items()]
    return [*settings, *(map(str, another) if isinstance(another, list) else ())]


def _command_of(record: Record) -> Markup | None:
    words = record.get("command")
    return code(shlex.join(map(str, words))) if isinstance(words, list) and words else None


def _mapping(node: Record, name: str) -> Record:
    value = node.get(name)
    return value if isinstance(value, Mapping) else {}


def _whole(number: Any) -> str:
    return f"{number:,}" if isinstance(number, int) else "–" if number is None else str(number)
