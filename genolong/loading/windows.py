"""Splits a genome into training stretches and validation windows that never share a base."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple

from genolong.counted import counted
from genolong.errors import InputError, SettingsError
from genolong.genome.coordinates import Interval, match_contig
from genolong.genome.fasta import Genome
from genolong.genome.regions import first_overlap, merge, read_bed, subtract
from genolong.loading.stretches import count_bases, least_known, tail, usable_tiles, whole_contigs, widen
from genolong.nearest import near_names


@dataclass(frozen=True)
class DataSettings:
    """Which genome, and which of its bases are for training and which for validation."""

    fasta: Any
    cache: str | None
    regions: str | None
    validation: Any
    validation_share: float
    validation_windows: int
    min_known: float
    workers: int | None
    reverse_complement: float

    def __post_init__(self) -> None:
        if not _are_names([self.fasta] if isinstance(self.fasta, str) else self.fasta):
            raise SettingsError(f"data.fasta={self.fasta}: wanted the path of a FASTA file, or a list of such paths")
        if not 0 < self.validation_share < 1:
            raise SettingsError(f"data.validation_share={self.validation_share}: wanted more than 0 and less than 1")
        for name in ("min_known", "reverse_complement"):
            if not 0 <= getattr(self, name) <= 1:
                raise SettingsError(f"data.{name}={getattr(self, name)}: wanted a share from 0 to 1")
        for name in ("validation_windows", "workers"):
            if (getattr(self, name) or 0) < 0:
                raise SettingsError(f"data.{name}={getattr(self, name)}: wanted 0 or more")
        if self.validation is not None and not _are_names(self.validation_contigs):
            raise SettingsError(
                f"data.validation={self.validation}: wanted a contig, a list of contigs, the path of a BED file "
                "(its name ends in .bed or .bed.gz), or null to hold out the last bases of every contig"
            )

    def workers_beside(self, *, cuda: bool) -> int:
        """How many processes read windows for a training.

        By default one for a GPU and none on a CPU, which reads much faster than it trains, and needs all its cores.
        """
        return int(cuda) if self.workers is None else self.workers

    def found_from_anywhere(self) -> "DataSettings":
        """The same settings with absolute paths, so that a run can be opened from another folder."""
        fasta = absolute(self.fasta) if isinstance(self.fasta, str) else [absolute(path) for path in self.paths]
        regions = None if self.regions is None else absolute(self.regions)
        validation = self.validation if self.validation_bed is None else absolute(self.validation_bed)
        return replace(self, fasta=fasta, regions=regions, validation=validation)

    @property
    def paths(self) -> list[str]:
        """The FASTA files."""
        return [self.fasta] if isinstance(self.fasta, str) else [*self.fasta]

    @property
    def validation_bed(self) -> str | None:
        """The path if validation is given as a BED file, else None."""
        return self.validation if is_bed(self.validation) else None

    @property
    def beds(self) -> list[str]:
        """The paths of all BED files that are read."""
        return [path for path in (self.regions, self.validation_bed) if path is not None]

    @property
    def validation_contigs(self) -> list[Any]:
        """The contig names if validation is given as contigs; as text, because YAML reads the name 1 as a number."""
        one = isinstance(self.validation, str) or not isinstance(self.validation, Sequence)
        return [str(name) if type(name) is int else name for name in ([self.validation] if one else self.validation)]


@dataclass(frozen=True)
class Split:
    """The stretches to draw training windows from, the validation windows, and notes for the user on both."""

    train: tuple[Interval, ...]
    validation: tuple[Interval, ...]
    notes: tuple[str, ...]

    @property
    def for_training(self) -> str:
        """How much there is to train on."""
        return f"{count_bases(self.train):,} bases of {_contigs(self.train)}"

    @property
    def held_out(self) -> str:
        """How much is held out."""
        windows, length = len(self.validation), self.validation[0].length
        return f"{counted(windows, 'window')} of {length:,} bases of {_contigs(self.validation)}"

    def with_training_part(self, regions: Iterable[Interval], bed: str) -> "Split":
        """The same windows held out, and everything else in `regions`, which are those of `bed`, as the training part.

        Raises InputError if nothing else is in them.
        """
        train = subtract(regions, self.validation)
        if not train:
            raise InputError(f"{bed}: all of its bases are held out, and none remain to count baselines on")
        return replace(self, train=tuple(train))


class Widened(NamedTuple):
    """A requested stretch, and the stretch used, which is at least a window long."""

    asked: Interval
    used: Interval


def split(genome: Genome, settings: DataSettings, window_bp: int) -> Split:
    """Stretches to train on, each at least a window long, and validation windows; the two never share a base.

    Raises InputError if either part is empty, if both contain a base, and for unknown contigs.
    """
    notes: list[str] = []
    wholes = _contigs_that_fit(genome, window_bp, notes)
    regions = None
    if settings.regions is not None:
        regions = _widened(read_bed(settings.regions, genome.lengths), wholes, window_bp, settings.regions, notes)
    allowed = wholes if regions is None else merge(region.used for region in regions)
    if settings.validation is None:
        held = _last_share(allowed, settings.validation_share, window_bp, notes)
    else:
        asked = _named(genome, settings, wholes, window_bp, notes)
        _refuse_overlap(regions or [], asked, window_bp)
        held = merge(region.used for region in asked)
    train = _long_enough(subtract(allowed, held), window_bp, notes)
    if not train:
        raise InputError(
            f"nothing is left to train on, or to count baselines on: validation takes {count_bases(held):,} of "
            f"{count_bases(allowed):,} bases, and no stretch of {window_bp:,} remains; hold out less "
            "(data.validation), or use a smaller context"
        )
    windows = _validation_windows(genome, held, settings, window_bp, notes)
    return Split(tuple(train), tuple(windows), tuple(notes))


def _contigs_that_fit(genome: Genome, window_bp: int, notes: list[str]) -> list[Interval]:
    wholes = [Interval(name, 0, length) for name, length in genome.lengths.items() if length >= window_bp]
    short = {name: length for name, length in genome.lengths.items() if length < window_bp}
    if not wholes:
        longest = max(short, key=short.__getitem__)
        raise InputError(
            f"every contig is shorter than the window of {window_bp:,} bases: the longest of {len(short):,}, "
            f"{longest}, has {short[longest]:,}; use a smaller context (context.window_bp={short[longest]} or less)"
        )
    if short:
        notes.append(
            f"left out {counted(len(short), 'contig')} shorter than a window of {window_bp:,}, "
            f"{counted(sum(short.values()), 'base')} in all"
        )
    return wholes


def _widened(
    asked: list[Interval], wholes: list[Interval], window_bp: int, path: str, notes: list[str]
) -> list[Widened]:
    """BED intervals, short ones extended to a window; those on contigs shorter than a window are left out."""
    lengths = {whole.contig: whole.end for whole in wholes}
    fit = [stretch for stretch in asked if stretch.contig in lengths]
    widened = [Widened(stretch, widen(stretch, lengths[stretch.contig], window_bp)) for stretch in fit]
    if not widened:
        raise InputError(
            f"{path}: every interval lies on a contig shorter than the window of {window_bp:,} bases; "
            "use a smaller context or other intervals"
        )
    if len(fit) < len(asked):
        notes.append(f"{path}: left out {counted(len(asked) - len(fit), 'interval')} on contigs shorter than a window")
    if grown := sum(region.asked != region.used for region in widened):
        notes.append(f"{path}: extended {counted(grown, 'interval')} to a window of {window_bp:,} bases")
    return widened


def _named(
    genome: Genome, settings: DataSettings, wholes: list[Interval], window_bp: int, notes: list[str]
) -> list[Widened]:
    """The stretches that data.validation names."""
    if settings.validation_bed is not None:
        asked = read_bed(settings.validation_bed, genome.lengths)
        return _widened(asked, wholes, window_bp, settings.validation_bed, notes)
    found = {_contig(genome, name) for name in settings.validation_contigs}
    fit = [Widened(whole, whole) for whole in wholes if whole.contig in found]
    if len(fit) < len(found):
        notes.append(f"data.validation: left out {counted(len(found) - len(fit), 'contig')} shorter than a window")
    if not fit:
        longest = max(found, key=lambda name: genome.contigs[name].length)
        raise InputError(
            f"data.validation: {longest} has {genome.contigs[longest].length:,} bases, less than a window of "
            f"{window_bp:,}; hold out a longer contig, or use a smaller context"
        )
    return fit


def _contig(genome: Genome, name: str) -> str:
    found = match_contig(name, genome.contigs)
    if found is None:
        near, listed = near_names(name, genome.contigs), [*genome.contigs][:8]
        more = ", ..." if len(genome.contigs) > len(listed) else ""
        all_of_them = f"the genome has {counted(len(genome.contigs), 'contig')}: {', '.join(listed)}{more}"
        hint = f"did you mean {' or '.join(near)}?" if near else all_of_them
        if is_bed(name):
            hint = "a BED file is given on its own, without other names"
        elif (whole := match_contig(name.rpartition(":")[0], genome.contigs)) is not None:
            hint = f"to hold out a part of {whole}, name it in a BED file"
        raise InputError(f"data.validation: no contig is called {name}; {hint}")
    return found


def _refuse_overlap(regions: list[Widened], held: list[Widened], window_bp: int) -> None:
    train, validation = ({region.used: region.asked for region in side} for side in (regions, held))
    if clash := first_overlap(train, validation):
        told = [
            str(used) if used == (asked := side[used]) else f"{asked} (extended to {used})"
            for used, side in zip(clash, (train, validation), strict=True)
        ]
        raise InputError(
            f"data.regions and data.validation share bases: {told[0]} and {told[1]}; "
            f"remove one of them (intervals shorter than a window of {window_bp:,} bases are extended to it)"
        )


def _last_share(allowed: list[Interval], share: float, window_bp: int, notes: list[str]) -> list[Interval]:
    """The last `share` of every contig where it holds a window; of draft assemblies, whole contigs, too.

    Contigs are held out as a whole if these ends are less than half of `share`, and the other contigs so many that
    about one of them, or more, is wanted. If there is neither, the last window of the longest stretch is held out.
    """
    contigs = [list(stretches) for _, stretches in groupby(allowed, attrgetter("contig"))]
    ends = [stretch for stretches in contigs for stretch in tail(stretches, share, window_bp)]
    if 2 * count_bases(ends) >= share * count_bases(allowed):
        notes.append(f"data.validation is not set: held out the last {100 * share:.3g} % of {_contigs(ends)}")
        return ends
    ended = {stretch.contig for stretch in ends}
    others = [each for each in contigs if each[0].contig not in ended]
    whole = [*whole_contigs(others, share)] if 2 * share * len(others) >= 1 else []
    too_short = f"too short for a window of {window_bp:,} in their last {100 * share:.3g} %"
    if whole and count_bases(whole) < count_bases(allowed):
        also = f", and the last {100 * share:.3g} % of {_contigs(ends)}" if ends else ""
        notes.append(
            f"data.validation is not set, and most contigs are {too_short}: held out {_contigs(whole)} in full{also}"
        )
        return [*ends, *whole]
    if ends:
        notes.append(
            f"data.validation is not set, and most contigs are {too_short}: held out only the end of {_contigs(ends)}; "
            "name contigs to hold out more (data.validation)"
        )
        return ends
    longest = max(allowed, key=attrgetter("length"))
    if longest.length < 2 * window_bp:
        raise InputError(
            f"the longest stretch, {longest}, has {longest.length:,} bases: too few for a window of {window_bp:,} to "
            "train on and another to validate on; use a smaller context, or name contigs to hold out (data.validation)"
        )
    last = Interval(longest.contig, longest.end - window_bp, longest.end)
    notes.append(
        f"data.validation is not set, and no contig's last {100 * share:.3g} % holds a window of {window_bp:,}: "
        f"held out the last window of the longest, {last}"
    )
    return [last]


def _long_enough(stretches: list[Interval], window_bp: int, notes: list[str]) -> list[Interval]:
    short = [stretch for stretch in stretches if stretch.length < window_bp]
    if short:
        notes.append(
            f"left out {counted(len(short), 'stretch')} shorter than a window of {window_bp:,} once validation is "
            f"held out, {counted(count_bases(short), 'base')} in all"
        )
    return [stretch for stretch in stretches if stretch.length >= window_bp]


def _validation_windows(
    genome: Genome, held: list[Interval], settings: DataSettings, window_bp: int, notes: list[str]
) -> list[Interval]:
    """Windows laid end to end, without those that are mostly N; of the rest as many as the settings ask for."""
    least, tiles = least_known(settings.min_known, window_bp), sum(stretch.length // window_bp for stretch in held)
    usable = [
        Interval(stretch.contig, start, start + window_bp)
        for stretch in held
        for start in usable_tiles(genome, stretch, window_bp, least).tolist()
    ]
    if not usable:
        raise InputError(
            f"none of {counted(tiles, 'validation window')} has {least:,} known bases (A C G T) of {window_bp:,}; "
            "hold out other contigs (data.validation), or lower data.min_known"
        )
    if len(usable) < tiles:
        notes.append(
            f"left out {counted(tiles - len(usable), 'validation window')} with fewer than {least:,} known bases"
        )
    if rest := count_bases(held) - tiles * window_bp:
        notes.append(
            f"neither trained nor validated on: {counted(rest, 'base')} at the ends of validation regions, in no window"
        )
    wanted = min(settings.validation_windows or len(usable), len(usable))
    if wanted < len(usable):
        notes.append(f"validating on {wanted:,} of {len(usable):,} windows, evenly spread (data.validation_windows)")
    return [usable[(2 * index + 1) * len(usable) // (2 * wanted)] for index in range(wanted)]


def is_bed(named: Any) -> bool:
    """Whether data.validation is the path of a BED file, not the name of a contig."""
    return isinstance(named, str) and named.endswith((".bed", ".bed.gz"))


def absolute(path: str) -> str:
    """The absolute path; links are not resolved."""
    return str(Path(path).expanduser().absolute())


def _are_names(names: Any) -> bool:
    return isinstance(names, Sequence) and len(names) > 0 and all(isinstance(name, str) and name for name in names)


def _contigs(stretches: Sequence[Interval]) -> str:
    return counted(len({stretch.contig for stretch in stretches}), "contig")
