"""Variant effects without training: how much likelier a model finds the alternate allele than the reference."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float64, Int64, UInt8
from torch import nn

from genolong.errors import SettingsError
from genolong.genome.alleles import Status
from genolong.genome.alphabet import MASK, N, reverse_complement
from genolong.genome.coordinates import Interval
from genolong.genome.edit import Variant, place, written
from genolong.genome.tiles import GenomeTiles
from genolong.loading.passes import Pass, Site, exact_passes, shared_passes, unmasked_passes

BATCH_BP = 1 << 15  # bases read at once, or one window where it is longer
MODES = ("exact", "shared", "unmasked")
N_RICH_ABOVE = 0.1  # share of N


@dataclass(frozen=True)
class ScoringSettings:
    """conf/trained/predict.yaml: what is computed for an allele."""

    mode: str
    window_bp: int | None
    spacing: int
    flank: int
    distance: bool | None
    longest_allele: int
    batch: int | None

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise SettingsError(f"mode={self.mode}: wanted {' or '.join(MODES)}")
        for name, least in (("spacing", 1), ("flank", 0), ("longest_allele", 1), ("window_bp", 1), ("batch", 1)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise SettingsError(f"{name}={value}: wanted {least} or more")


class Effect(NamedTuple):
    """Of one allele: LLR in nats, distance of embeddings where it was asked for, and how whole its window is."""

    llr: float
    distance: float | None
    status: Status


class _Read(NamedTuple):
    """What a model says at chosen places of a batch: nats of each base, mean of both strands, and either's states."""

    log_chances: Float64[np.ndarray, "places 4"]
    forward: Float64[np.ndarray, "places width"]
    reverse: Float64[np.ndarray, "places width"]


class _Region(NamedTuple):
    """A window's pseudo-log-likelihood over the region that is compared, and its mean states there, a strand a row."""

    log_likelihood: float
    states: Float64[np.ndarray, "2 width"]


class VariantScorer:
    """Scores variants of one genome with one model; an allele's score does not depend on what else is scored.

    But for mode=shared, where neighbours are hidden together, and for the last digits of float32, which may change
    with the size of a batch.
    """

    def __init__(
        self, encoder: nn.Module, head: nn.Module, tiles: GenomeTiles, settings: ScoringSettings, window_bp: int,
        device: torch.device,
    ) -> None:  # fmt: skip
        self.encoder, self.head = encoder.to(device).eval(), head.to(device).eval()
        self.tiles, self.settings, self.window_bp, self.device = tiles, settings, window_bp, device
        self.with_distance = settings.mode == "exact" if settings.distance is None else settings.distance
        self.batch = settings.batch or max(1, BATCH_BP // window_bp)

    def score(self, variants: Sequence[Variant], advance: Callable[[int], None] = lambda _read: None) -> list[Effect]:
        """The effect of every variant; `advance` is told how many windows were read.

        SNV: log p(alternate) - log p(reference) at the site, which is hidden from the model (unmasked mode: seen).

        Other alleles: the pseudo-log-likelihood of the alternate window less that of the reference window, each the sum
        of log p(base) over the same number of bases, those of the longer allele and `flank` on either side, read from a
        window in which nothing is hidden. N counts nothing. Both windows have one length: what stands left of the
        variant keeps its place, and the right end is cut or filled up.

        Natural logarithms, mean of both strands. The distance is the Euclidean one between the mean states of the
        alternate and the reference window over these same bases, mean of both strands.
        """
        snvs = {Site(variant.contig, variant.start): None for variant in variants if variant.is_snv}
        log_chances, windows = self._read_sites(list(snvs), advance)
        compared = [variant for variant in variants if self.with_distance or not variant.is_snv]
        regions = self._read_regions(compared, advance)
        wholeness = cache(self._wholeness)  # neighbours share their windows
        return [self._effect(variant, log_chances, windows, regions, wholeness) for variant in variants]

    def windows(self, variants: Sequence[Variant]) -> int:
        """How many windows `score` would read."""
        sites = list({Site(variant.contig, variant.start): None for variant in variants if variant.is_snv})
        compared = {variant for variant in variants if self.with_distance or not variant.is_snv}
        return sum(1 for _ in self._passes(sites)) + len(compared) + len({_key(variant) for variant in compared})

    def _effect(
        self, variant: Variant, log_chances: dict, windows: dict, regions: dict,
        wholeness: Callable[[Interval], Status],
    ) -> Effect:  # fmt: skip
        distance = None
        reference, alternate = regions.get(_key(variant)), regions.get(variant)
        if reference is not None and alternate is not None:
            distance = float(np.linalg.norm(alternate.states - reference.states, axis=1).mean())
            llr = alternate.log_likelihood - reference.log_likelihood
        if variant.is_snv:
            site = Site(variant.contig, variant.start)
            at_site, window = log_chances[site], windows[site]
            ref, alt = ("ACGT".index(chr(allele[0])) for allele in (variant.reference, variant.alternate))
            llr = float(at_site[alt] - at_site[ref])
        else:
            window = place(variant, self.window_bp)
        return Effect(llr, distance if self.with_distance else None, wholeness(window))

    def _wholeness(self, window: Interval) -> Status:
        length = self.tiles.genome.contigs[window.contig].length
        inside = Interval(window.contig, max(window.start, 0), min(window.end, length))
        if self.tiles.genome.known(inside) < (1 - N_RICH_ABOVE) * inside.length:
            return Status.N_RICH
        return Status.OK if inside == window else Status.EDGE

    def _passes(self, sites: Iterable[Site]) -> Iterator[Pass]:
        if self.settings.mode == "exact":
            return exact_passes(sites, self.window_bp)
        if self.settings.mode == "shared":
            return shared_passes(sites, self.window_bp, self.settings.spacing)
        return unmasked_passes(sites, self.window_bp)

    def _read_sites(self, sites: Sequence[Site], advance: Callable[[int], None]) -> tuple[dict, dict]:
        log_chances, windows = {}, {}
        for passes in _batches(self._passes(sites), self.batch):
            codes = np.stack([self.tiles.codes(each.window) for each in passes])
            rows = np.repeat(np.arange(len(passes)), [len(each.positions) for each in passes])
            columns = np.array([at - each.window.start for each in passes for at in each.positions])
            if self.settings.mode != "unmasked":
                codes[rows, columns] = MASK
            found = self._read(codes, rows, columns).log_chances
            read = (Site(each.window.contig, at) for each in passes for at in each.positions)
            log_chances.update(zip(read, found, strict=True))
            windows.update((Site(each.window.contig, at), each.window) for each in passes for at in each.positions)
            advance(len(passes))
        return log_chances, windows

    def _read_regions(self, variants: Sequence[Variant], advance: Callable[[int], None]) -> dict:
        regions: dict = {}
        wanted = {key: variant for variant in variants for key in (_key(variant), variant)}
        for batch in _batches(wanted.items(), self.batch):
            codes = np.stack([self._codes(key, variant) for key, variant in batch])
            columns = [self._compared(variant) for _, variant in batch]
            rows = np.repeat(np.arange(len(batch)), [len(each) for each in columns])
            at = np.concatenate(columns)
            read = self._read(codes, rows, at)
            own = codes[rows, at]
            known = np.where(own < N, read.log_chances[np.arange(len(at)), np.minimum(own, N - 1)], 0.0)
            begins = np.cumsum([0, *(len(each) for each in columns[:-1])])
            likelihoods = np.add.reduceat(known, begins)
            lengths = np.array([len(each) for each in columns])[:, None]
            states = [np.add.reduceat(strand, begins) / lengths for strand in (read.forward, read.reverse)]
            for index, (key, _) in enumerate(batch):
                regions[key] = _Region(float(likelihoods[index]), np.stack([strand[index] for strand in states]))
            advance(len(batch))
        return regions

    def _codes(self, key: tuple, variant: Variant) -> UInt8[np.ndarray, " length"]:
        window = place(variant, self.window_bp)
        if not isinstance(key, Variant):
            return self.tiles.codes(window)
        longer = Interval(window.contig, window.start, window.end + len(variant.reference))
        return written(variant, variant.start - window.start, self.tiles.codes(longer), self.window_bp)

    def _compared(self, variant: Variant) -> Int64[np.ndarray, " bases"]:
        first = variant.start - place(variant, self.window_bp).start
        begin, end = first - self.settings.flank, first + variant.span + self.settings.flank
        return np.arange(max(begin, 0), min(end, self.window_bp))

    def _read(
        self, codes: UInt8[np.ndarray, "batch length"], rows: Int64[np.ndarray, " places"],
        columns: Int64[np.ndarray, " places"],
    ) -> _Read:  # fmt: skip
        """Both strands of a batch, at (row, column) of the codes."""
        chances, states = [], []
        with torch.inference_mode():
            for flip in (False, True):
                strand = np.stack([reverse_complement(row) for row in codes]) if flip else codes
                at = codes.shape[1] - 1 - columns if flip else columns
                all_states = self.encoder(torch.from_numpy(np.ascontiguousarray(strand)).to(self.device))
                chosen = all_states[torch.from_numpy(rows).to(self.device), torch.from_numpy(at).to(self.device)]
                logits = self.head(chosen[None])[0].double().log_softmax(-1)
                chances.append((logits.flip(-1) if flip else logits).cpu().numpy())  # A C G T read T G C A backwards
                states.append(chosen.double().cpu().numpy())
        return _Read((chances[0] + chances[1]) / 2, *states)


def _key(variant: Variant) -> tuple[str, int, int]:
    """What the reference window and the bases that are compared depend on."""
    return variant.contig, variant.start, variant.span


def _batches(items: Iterable, size: int) -> Iterator[list]:
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch
