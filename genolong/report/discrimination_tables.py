"""Tables of how well scores separate two classes: a row per score, or a row per stratum."""

from collections.abc import Iterator, Mapping, Sequence

from genolong.report.discrimination import Estimate, Group
from genolong.report.figures import Table
from genolong.report.variant_figures import COMMON


def labelled_tables(
    title: str, groups: Sequence[Group], titles: Mapping[str, str], *, draws: int, strata: str | None
) -> Iterator[Table]:
    """Of all alleles (the first group), of those that have all scores, and of the strata, if there are any."""
    whole, *others = groups
    drawn = f" (95 % of {draws:,} bootstrap draws within each class)" if draws else ""
    yield scores_table(f"{title}{drawn}", whole, titles)
    yield from (
        scores_table("alleles that have all of these scores", group, titles) for group in others if group.name == COMMON
    )
    parts = [group for group in others if group.name != COMMON]
    if strata and parts:
        yield strata_table(strata, parts, titles)


def scores_table(title: str, group: Group, titles: Mapping[str, str]) -> Table:
    """A row per score and one for chance; scores that separate better when reversed are marked."""
    rows = [
        (
            _title(titles[score], each.auroc.value), shown(each.auroc), shown(each.auprc),
            f"{each.positives:,}", f"{each.negatives:,}", f"{each.missing:,}",
        )
        for score, each in group.found.items()
    ]  # fmt: skip
    rows.append(("chance", "0.500", f"{group.base_rate:.3f}", f"{group.positives:,}", f"{group.negatives:,}", "0"))
    return Table(title, ("score", "AUROC", "AUPRC", "positives", "negatives", "no value"), tuple(rows))


def strata_table(strata: str, groups: Sequence[Group], titles: Mapping[str, str]) -> Table:
    """A row per stratum, with a column for the AUROC of each score."""
    rows = [
        (
            group.name.removeprefix(f"{strata}="), f"{group.positives:,}", f"{group.negatives:,}",
            *(shown(group.found[score].auroc, 2) if score in group.found else "–" for score in titles),
        )
        for group in groups
    ]  # fmt: skip
    return Table(f"AUROC by {strata}", (strata, "positives", "negatives", *titles.values()), tuple(rows))


def shown(estimate: Estimate, digits: int = 3) -> str:
    """The value, with its interval if there is one."""
    interval = "" if estimate.low is None else f" ({estimate.low:.{digits}f}–{estimate.high:.{digits}f})"
    return f"{estimate.value:.{digits}f}{interval}"


def _title(title: str, auroc: float) -> str:
    return title if auroc >= 0.5 else f"{title} (reversed: {1 - auroc:.3f})"
