"""The end of a message about an unknown name: a suggestion of the nearest existing names."""

from collections.abc import Collection, Iterable
from difflib import get_close_matches
from itertools import islice
from pathlib import Path

CLOSE = 0.6  # difflib's ratio: allows a letter more, less or different even in short names
SHOWN = 3
FIELDS = 12  # of a VCF's header
MOST = 20_000  # most names to compare with


def nearest(name: str, known: Iterable[str], *, most: int = SHOWN, close: float = CLOSE) -> str:
    """`; did you mean this or that?` with the nearest names in `known`, ignoring case; empty if none is near."""
    return suggested(near_names(name, known, most=most, close=close))


def suggested(names: Collection[str]) -> str:
    """`; did you mean this or that?`; empty without names."""
    return f"; did you mean {' or '.join(names)}?" if names else ""


def near_names(name: str, known: Iterable[str], *, most: int = SHOWN, close: float = CLOSE) -> list[str]:
    """The names nearest to `name`, nearest first; none if `name` itself is known."""
    folded: dict[str, str] = {}
    for each in islice(known, MOST):
        if each == name:
            return []
        folded.setdefault(each.casefold(), each)
    return [folded[each] for each in get_close_matches(name.casefold(), folded, n=most, cutoff=close)]


def nearest_setting(key: str, known: Collection[str]) -> str:
    """The same for a setting's full name: prefers the same name in other groups, then similar names in its group."""
    if key in known:
        return ""
    own = key.rpartition(".")[2]
    if elsewhere := [each for each in known if each.rpartition(".")[2] == own][:SHOWN]:
        return suggested(elsewhere)
    near = near_names(key, known, most=2, close=0.7)
    near = near[:1] if near and near[0].rpartition(".")[0] == key.rpartition(".")[0] else near
    return suggested(near)


def nearest_field(field: str, declared: Collection[str]) -> str:
    """The same for an INFO field that no allele has: the fields that the VCF's header declares, if none is near."""
    if field in declared:
        return "; the header declares it, but no record fills it"
    others = f"; the header declares {', '.join(list(declared)[:FIELDS])}" if declared else ""
    return nearest(field, declared) or others


def nearest_run(folder: Path) -> str:
    """The same for a folder of runs, when one of its runs was wanted."""
    return suggested([str(folder / "latest")] if (folder / "latest").is_dir() else [])


def nearest_path(path: str | Path) -> str:
    """The same for a path that does not exist: compares its first missing part with the names that are there."""
    wanted = Path(path).expanduser()
    missing, below = wanted, []
    while missing.parent != missing and not missing.parent.is_dir():
        missing, below = missing.parent, [missing.name, *below]
    try:
        beside = sorted(each.name for each in islice(missing.parent.iterdir(), MOST))
    except OSError:
        return ""
    found = []
    for name in near_names(missing.name, beside):
        whole = (missing.parent / name).joinpath(*below)
        found.append(str(whole if whole.exists() else missing.parent / name))
    return suggested(found)
