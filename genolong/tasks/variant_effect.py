"""Variant effects: an allele's log-likelihood ratio, embedding distance, and probability by a trained head."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import islice
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64, UInt8
from torch import Tensor, nn

from genolong.errors import SettingsError
from genolong.genome.alleles import Status
from genolong.genome.alphabet import MASK, reverse_complement
from genolong.genome.coordinates import Interval
from genolong.genome.edit import Variant, place, written
from genolong.genome.tiles import GenomeTiles
from genolong.genome.wholeness import wholeness, wholeness_of_both
from genolong.loading.passes import Pass, Site, exact_passes, shared_passes, unmasked_passes
from genolong.model.asked_states import asked_states
from genolong.model.encoder import Encoder
from genolong.model.variant_head import VariantHead, variant_features
from genolong.model.window_reading import WindowReading, log_ratio, read_windows
from genolong.parallel.shard import SequenceShard
from genolong.tasks.batches import batch_of

MODES = ("exact", "shared", "unmasked")


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

    def check_window(self, window_bp: int) -> None:
        """Raises SettingsError if the window is too short for one base between two flanks."""
        if window_bp <= 2 * self.flank:
            raise SettingsError(
                f"flank={self.flank}: a base with that many on either side does not fit into the window of "
                f"{window_bp:,}; lower it, or use a longer window_bp"
            )


class Effect(NamedTuple):
    """An allele's LLR in nats and the status of its window.

    `distance` (between embeddings) and `chance` (a trained head's probability) are None if not requested.
    """

    llr: float
    distance: float | None
    status: Status
    chance: float | None = None


class Compared(NamedTuple):
    """What an allele's reference and alternate windows give besides the LLR; see Effect."""

    distance: float | None
    chance: float | None


class _Region(NamedTuple):
    """A window's pseudo-log-likelihood over the known bases of the compared region, and mean states by strand (row).

    The first stretch of states is the compared region; the others are those that a trained head reads.
    """

    log_likelihood: float
    known: int
    states: Float64[np.ndarray, "2 stretches width"]


class VariantScorer:
    """Scores variants of one genome with one model, each independently of the others.

    Two exceptions: with mode=shared, neighbouring sites are hidden together; and the last digits of float32 may change
    with the batch size. If several processes each hold a slice of every window (`shard`), they score the same variants
    together, and all get the scores.
    """

    def __init__(
        self, encoder: Encoder, head: nn.Module, tiles: GenomeTiles, settings: ScoringSettings, window_bp: int,
        device: torch.device, variant_head: VariantHead | None = None, shard: SequenceShard | None = None,
    ) -> None:  # fmt: skip
        self.encoder, self.head = encoder.to(device).eval(), head.to(device).eval()
        self.variant_head = None if variant_head is None else variant_head.to(device).eval()
        self.tiles, self.settings, self.window_bp, self.device = tiles, settings, window_bp, device
        self.shard = shard or SequenceShard.whole(window_bp)
        self.with_distance = settings.mode == "exact" if settings.distance is None else settings.distance
        self.batch = settings.batch or batch_of(window_bp)
        # bases; longer alleles, which may not fit into a window with both flanks, are not scored
        self.longest_allele = max(1, min(settings.longest_allele, window_bp - 2 * settings.flank))

    def score(self, variants: Sequence[Variant], advance: Callable[[int], None] = lambda _read: None) -> list[Effect]:
        """The effect of every variant; `advance` is called with the number of windows just read.

        SNV: log p(alternate) - log p(reference) at the site, which is hidden from the model (unmasked mode: visible).

        Other alleles: the pseudo-log-likelihood of the alternate window minus that of the reference window. Each is the
        sum of log p(base) over the same number of bases, those of the longer allele and `flank` on either side, read
        from a window in which nothing is hidden. Both windows have the same length: bases left of the variant keep
        their positions, and the right end is cut or filled up. N counts as the mean of the other bases (log_ratio).

        Logarithms are natural, and averaged over both strands. The distance is the Euclidean distance between the mean
        states of the alternate and the reference window over these same bases, averaged over both strands. A trained
        head reads these two windows in every mode.
        """
        snvs = {Site(variant.contig, variant.start): None for variant in variants if variant.is_snv}
        log_chances, windows = self._read_sites(list(snvs), advance)
        regions = self._read_regions(self._compared(variants), advance)
        chances = self._chances(variants, regions)
        ratios = self._ratios([variant for variant in variants if not variant.is_snv], regions)
        whole = cache(partial(wholeness, self.tiles.genome))  # neighbours share their windows
        effects = []
        for variant, chance in zip(variants, chances, strict=True):
            if variant.is_snv:
                site = Site(variant.contig, variant.start)
                llr, status = _log_odds(variant, log_chances[site]), whole(windows[site])
            else:
                llr, status = ratios[variant], wholeness_of_both(self.tiles.genome, variant, self.window_bp)
            effects.append(Effect(llr, self._distance(variant, regions), status, chance))
        return effects

    def features(self, variants: Sequence[Variant], around: Sequence[int]) -> Float[Tensor, "alleles features"]:
        """Features to train a head on; `around` lists how many bases on either side of an allele it reads."""
        return self._features(variants, self._read_regions(variants, around=around))

    def windows_of(
        self, variant: Variant, around: Sequence[int]
    ) -> tuple[UInt8[np.ndarray, "2 length"], Int64[np.ndarray, "2 stretches 2"]]:
        """The codes of a variant's reference and alternate windows, and the stretches of each that a head reads."""
        stretches = [self._stretch(variant, flank) for flank in (self.settings.flank, *around)]
        pair = [self._codes(key, variant) for key in (_key(variant), variant)]
        return np.stack(pair), np.array([stretches, stretches])

    def windows(self, variants: Sequence[Variant]) -> int:
        """How many windows `score` would read."""
        sites = list({Site(variant.contig, variant.start): None for variant in variants if variant.is_snv})
        compared = set(self._compared(variants))
        return sum(1 for _ in self._passes(sites)) + len(compared) + len({_key(variant) for variant in compared})

    def _distance(self, variant: Variant, regions: dict) -> float | None:
        if not self.with_distance:
            return None
        states = regions[variant].states - regions[_key(variant)].states
        return float(np.linalg.norm(states[:, 0], axis=-1).mean())

    def readings(self, sites: Iterable[Site]) -> Iterator[tuple[Pass, Float64[np.ndarray, "positions 4"]]]:
        """Each reading of a window, with log probabilities (nats) of A C G T at its sites, averaged over both strands.

        Windows are read lazily, batch by batch.
        """
        for passes in _batches(self._passes(sites), self.batch):
            codes = np.stack([self.tiles.codes(each.window) for each in passes])
            counts = [len(each.positions) for each in passes]
            rows = np.repeat(np.arange(len(passes)), counts)
            columns = np.array([at - each.window.start for each in passes for at in each.positions])
            if self.settings.mode != "unmasked":
                codes[rows, columns] = MASK
            found = self._read(codes, rows, columns)
            yield from zip(passes, np.split(found, np.cumsum(counts)[:-1]), strict=True)

    def compare(self, variants: Sequence[Variant]) -> list[Compared]:
        """The distance and the probability of every variant, from its two windows; None if not requested."""
        regions = self._read_regions(self._compared(variants))
        chances = self._chances(variants, regions)
        return [
            Compared(self._distance(variant, regions), chance)
            for variant, chance in zip(variants, chances, strict=True)
        ]

    def _passes(self, sites: Iterable[Site]) -> Iterator[Pass]:
        if self.settings.mode == "exact":
            return exact_passes(sites, self.window_bp)
        if self.settings.mode == "shared":
            return shared_passes(sites, self.window_bp, self.settings.spacing)
        return unmasked_passes(sites, self.window_bp)

    def _read_sites(self, sites: Sequence[Site], advance: Callable[[int], None]) -> tuple[dict, dict]:
        log_chances, windows = {}, {}
        for (window, positions), found in self.readings(sites):
            read = [Site(window.contig, at) for at in positions]
            log_chances.update(zip(read, found, strict=True))
            windows.update(dict.fromkeys(read, window))
            advance(1)
        return log_chances, windows

    def _compared(self, variants: Iterable[Variant]) -> list[Variant]:
        """The variants whose reference and alternate windows are read."""
        all_of_them = self.with_distance or self.variant_head is not None
        return [variant for variant in variants if all_of_them or not variant.is_snv]

    def _read_regions(
        self, variants: Iterable[Variant], advance: Callable[[int], None] = lambda _read: None,
        around: Sequence[int] | None = None,
    ) -> dict:  # fmt: skip
        if around is None:
            around = [] if self.variant_head is None else self.variant_head.settings.around
        regions: dict = {}
        wanted = {key: variant for variant in variants for key in (_key(variant), variant)}
        for batch in _batches(wanted.items(), self.batch):
            codes = np.stack([self._codes(key, variant) for key, variant in batch])
            stretches = np.array([
                [self._stretch(variant, flank) for flank in (self.settings.flank, *around)] for _, variant in batch
            ])  # fmt: skip
            with torch.inference_mode():
                there, asked = (torch.from_numpy(each).to(self.device) for each in (codes, stretches))
                read = read_windows(self.encoder, self.head, there, asked, self.shard)
            for (key, _), nats, known, states in zip(batch, *(part.cpu() for part in read), strict=True):
                regions[key] = _Region(float(nats), int(known), states.numpy())
            advance(len(batch))
        return regions

    def _stretch(self, variant: Variant, flank: int) -> tuple[int, int]:
        """Start and end of the longer allele plus `flank` bases on either side, clipped to the window."""
        first = variant.start - place(variant, self.window_bp).start
        return max(first - flank, 0), min(first + variant.span + flank, self.window_bp)

    def _chances(self, variants: Sequence[Variant], regions: dict) -> Sequence[float | None]:
        if self.variant_head is None or not variants:
            return [None] * len(variants)
        with torch.inference_mode():
            return self.variant_head.chances(self._features(variants, regions).to(self.device)).cpu().tolist()

    def _features(self, variants: Sequence[Variant], regions: dict) -> Float[Tensor, "alleles features"]:
        return variant_features(*_pairs(variants, regions))

    def _ratios(self, variants: Sequence[Variant], regions: dict) -> dict[Variant, float]:
        if not variants:
            return {}
        return dict(zip(variants, log_ratio(*_pairs(variants, regions)).tolist(), strict=True))

    def _codes(self, key: tuple, variant: Variant) -> UInt8[np.ndarray, " length"]:
        window = place(variant, self.window_bp)
        if not isinstance(key, Variant):
            return self.tiles.codes(window)
        longer = Interval(window.contig, window.start, window.end + len(variant.reference))
        return written(variant, variant.start - window.start, self.tiles.codes(longer), self.window_bp)

    def _read(
        self, codes: UInt8[np.ndarray, "batch length"], rows: Int64[np.ndarray, " places"],
        columns: Int64[np.ndarray, " places"],
    ) -> Float64[np.ndarray, "places 4"]:  # fmt: skip
        """Log probabilities (nats) of A C G T at each (row, column) of the codes, averaged over both strands."""
        chances, own = [], slice(self.shard.start, self.shard.end)
        with torch.inference_mode():
            for flip in (False, True):
                strand = np.stack([reverse_complement(row) for row in codes]) if flip else codes
                at = codes.shape[1] - 1 - columns if flip else columns
                here = (at >= own.start) & (at < own.stop)
                part = torch.from_numpy(np.ascontiguousarray(strand[:, own])).to(self.device)
                places = (torch.from_numpy(each[here]).to(self.device) for each in (rows, at - own.start))
                states = self._states(part, *places)
                logits = torch.zeros(len(rows), 4, dtype=torch.float64, device=self.device)
                logits[torch.from_numpy(here).to(self.device)] = self.head(states[None])[0].double().log_softmax(-1)
                logits = self.shard.sum(logits)
                chances.append((logits.flip(-1) if flip else logits).cpu().numpy())  # A C G T become T G C A
        return (chances[0] + chances[1]) / 2

    def _states(
        self, codes: UInt8[Tensor, "batch length"], rows: Int64[Tensor, " places"], columns: Int64[Tensor, " places"]
    ) -> Float[Tensor, "places width"]:
        """States at each (row, column) of the codes.

        How they are computed depends on the mode, not on the number of places, so that results do not depend on the
        batch.
        """
        if self.settings.mode != "exact":
            return self.encoder(codes, self.shard)[rows, columns]
        asked, number = columns.unique(return_inverse=True)
        return asked_states(self.encoder, codes, asked, self.shard)[rows, number]


def _log_odds(variant: Variant, at_site: Float64[np.ndarray, " 4"]) -> float:
    """Log p(alternate) - log p(reference) of an SNV."""
    reference, alternate = ("ACGT".index(chr(allele[0])) for allele in (variant.reference, variant.alternate))
    return float(at_site[alternate] - at_site[reference])


def _pairs(variants: Sequence[Variant], regions: dict) -> tuple[WindowReading, WindowReading]:
    """The readings of the variants' reference and alternate windows."""
    return _joined([regions[_key(variant)] for variant in variants]), _joined([regions[each] for each in variants])


def _joined(regions: Sequence[_Region]) -> WindowReading:
    nats, known, states = zip(*regions, strict=True)
    return WindowReading(
        torch.tensor(nats, dtype=torch.float64), torch.tensor(known), torch.from_numpy(np.stack(states))
    )  # fmt: skip


def _key(variant: Variant) -> tuple[str, int, int]:
    """Identifies the reference window and the compared bases: variants with the same key share both."""
    return variant.contig, variant.start, variant.span


def _batches(items: Iterable, size: int) -> Iterator[list]:
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch
