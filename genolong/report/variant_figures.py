"""Reads an evaluation's figures of a scored VCF back into groups of alleles, to show them as they were at first."""

from collections.abc import Iterable, Mapping, Sequence

from genolong.report.discrimination import Discrimination, Estimate, Group
from genolong.report.figures import Figure

COMMON = "common"  # the group of alleles for which all scores have a value
CLASSES = "positives", "negatives"

Values = Mapping[str, Figure]


def groups_of(figures: Iterable[Figure], scores: Sequence[str]) -> list[Group]:
    """All alleles (a group without name), those that all scores have, and every stratum, in the figures' order.

    Only of all alleles the figures say how many there are; other groups have as many as any score has a value for.
    """
    values: dict[str, dict[str, dict[str, Figure]]] = {"": {}}  # group, score, what
    counts = {}
    for figure in figures:
        _, _, rest = figure.name.partition("vcf/")
        score = next((score for score in scores if rest.startswith(f"{score}/")), None)
        if score is None:
            counts[rest] = figure
            continue
        name, _, what = rest.removeprefix(f"{score}/").rpartition("/")
        values.setdefault(name, {}).setdefault(score, {})[what] = figure
    groups = []
    for name, found in values.items():
        measured = {score: read for score, each in found.items() if (read := _discrimination(each)) is not None}
        if measured:
            known = {what: max(getattr(each, what) for each in measured.values()) for what in CLASSES}
            sizes = known if name else known | {what: counts[what].value for what in CLASSES if what in counts}
            groups.append(Group(name, int(sizes["positives"]), int(sizes["negatives"]), measured))
    return groups


def scores_in(figures: Iterable[Figure]) -> list[str]:
    """The names of all scores with figures, in order."""
    names = (figure.name.split("/") for figure in figures)
    return list(dict.fromkeys(parts[1] for parts in names if len(parts) > 2 and parts[0] == "vcf"))


def _discrimination(values: Values) -> Discrimination | None:
    if not {"auroc", "auprc", "positives", "negatives", "missing"} <= set(values):
        return None
    counts = (int(values[what].value) for what in ("positives", "negatives", "missing"))
    return Discrimination(_estimate(values, "auroc"), _estimate(values, "auprc"), *counts)


def _estimate(values: Values, name: str) -> Estimate:
    low, high = (values[f"{name}_{end}"].value if f"{name}_{end}" in values else None for end in ("low", "high"))
    return Estimate(values[name].value, low, high, values[name].standard_error)
