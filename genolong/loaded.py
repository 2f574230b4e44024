"""A trained model asked from Python: logits and embeddings of sequences, scores of variants, maps of regions."""

import logging
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any, NamedTuple, overload

import numpy as np
import torch
from jaxtyping import Float32, UInt8
from torch import Tensor

from genolong.commands.reading.opened_model import open_genome
from genolong.commands.reading.precision_choice import check_precision
from genolong.commands.reading.reading_choice import choose_reading
from genolong.commands.reading.reading_settings import DeviceSettings, GenomeSettings
from genolong.commands.reading.trained_run import TrainedRun, open_run
from genolong.composing import TRAINED, defaults_of
from genolong.errors import InputError, SettingsError
from genolong.genome.alleles import AlleleChecks, ContigNames, Status
from genolong.genome.coordinates import Interval
from genolong.genome.edit import Variant
from genolong.genome.fasta import Genome
from genolong.genome.tiles import GenomeTiles
from genolong.genome.typed import codes_of, typed_region, typed_variant
from genolong.model.layers import both_strands as mean_of_strands
from genolong.model.layers import check_layer, layer_states
from genolong.tasks.mutation_map import MappedBases, MutationMapper
from genolong.tasks.variant_effect import ScoringSettings, VariantScorer

logger = logging.getLogger(__name__)

Logits = Float32[np.ndarray, "length 4"]
States = Float32[np.ndarray, "length width"]
Fasta = str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | None
MISTAKES = (Status.NO_CONTIG, Status.PAST_CONTIG_END, Status.REF_MISMATCH)  # of who typed the variant


class Score(NamedTuple):
    """Of one allele what `predict` writes: LLR in nats, distance, probability (with a trained head) and status.

    Without a score (symbolic, too_long, ...) all but the status is None.
    """

    llr: float | None
    distance: float | None
    probability: float | None
    status: str


class LoadedModel:
    """A model and the device it is on; `run` says what it was trained on."""

    def __init__(self, run: TrainedRun, device: torch.device) -> None:
        self.run, self.device = run, device
        self.encoder = run.model.encoder.to(device).eval()
        self.head = run.model.head.to(device).eval()
        self._scorers: dict[tuple[str, ...] | None, tuple[Any, VariantScorer, AlleleChecks]] = {}

    @classmethod
    def opened(
        cls, path: str | os.PathLike[str], device: str | torch.device = "auto", precision: str = "32-true"
    ) -> "LoadedModel":  # fmt: skip
        """As genolong.load has it."""
        check_precision(precision)
        attention = defaults_of(TRAINED, "predict")["trainer"]["attention"]
        chosen = _device(str(device), attention)
        run = open_run(os.fsdecode(path))
        for note in choose_reading(run.model.encoder, attention, precision, cuda=chosen.type == "cuda"):
            logger.info(note)
        loaded = cls(run, chosen)
        for note in run.moved_on(chosen):
            logger.warning(note)
        return loaded

    def __repr__(self) -> str:
        size = f"{self.layers} blocks of width {self.width}, trained on windows of {self.window_bp:,} bases"
        return f"LoadedModel({self.run.name}: {size}; on {self.device})"

    @property
    def width(self) -> int:
        """Channels of a base's embedding."""
        return self.encoder.settings.width

    @property
    def layers(self) -> int:
        """Blocks of the encoder."""
        return self.encoder.settings.layers

    @property
    def window_bp(self) -> int:
        """Bases that the model read at once in training; sequences may be of any length."""
        return self.run.window_bp

    @overload
    def logits(self, sequence: str) -> Logits: ...
    @overload
    def logits(self, sequence: list[str]) -> list[Logits]: ...
    def logits(self, sequence: Any) -> Any:
        """Logits over A C G T at every base, given all of the sequence; of a list, one array each.

        Their softmax is the chance of each base there; ? stands for a base that is hidden from the model. This strand
        only, where `score` takes the mean of both.
        """
        if not isinstance(sequence, str):
            return [self.logits(each) for each in _listed(sequence, "a sequence")]
        with torch.inference_mode():
            return self.encoder(self._codes(sequence), head=self.head)[0].float().cpu().numpy()

    @overload
    def embed(self, sequence: str, layer: int | None = None, *, both_strands: bool = False) -> States: ...
    @overload
    def embed(self, sequence: list[str], layer: int | None = None, *, both_strands: bool = False) -> list[States]: ...
    def embed(self, sequence: Any, layer: Any = None, *, both_strands: bool = False) -> Any:
        """The model's state at every base, after `layer` blocks (0: as the bases enter; None: after the last norm).

        Of this strand, or with `both_strands` the mean of both, as the command `embed` writes. Of a list, one array
        each.
        """
        check_layer(layer, self.encoder.settings)
        if not isinstance(sequence, str):
            return [self.embed(each, layer, both_strands=both_strands) for each in _listed(sequence, "a sequence")]
        read = mean_of_strands if both_strands else layer_states
        with torch.inference_mode():
            return read(self.encoder, self._codes(sequence), layer)[0].float().cpu().numpy()

    @overload
    def score(self, variant: str, fasta: Fasta = None) -> Score: ...
    @overload
    def score(self, variant: list[str], fasta: Fasta = None) -> list[Score]: ...
    def score(self, variant: Any, fasta: Fasta = None) -> Any:
        """What `predict` makes of a variant (mode=exact): "chr17:43045712 T>G", counted from 1 as in a VCF.

        Of a list, one score each, read together. `fasta` is a FASTA file or a list of them; None: the training's own,
        if it is unchanged. Raises InputError for what is no variant of this genome.
        """
        scorer, checks = self._scorer(fasta)
        typed = [variant] if isinstance(variant, str) else _listed(variant, "a variant")
        checked = [self._checked(text, scorer.tiles.genome, checks) for text in typed]
        effects = iter(scorer.score([allele for _, allele in checked if allele is not None]))
        scores = []
        for status, allele in checked:
            if allele is None:
                scores.append(Score(None, None, None, str(status)))
                continue
            effect = next(effects)
            scores.append(Score(effect.llr, effect.distance, effect.chance, str(effect.status)))
        return scores[0] if isinstance(variant, str) else scores

    @overload
    def map(self, region: str, fasta: Fasta = None) -> MappedBases: ...
    @overload
    def map(self, region: list[str], fasta: Fasta = None) -> list[MappedBases]: ...
    def map(self, region: Any, fasta: Fasta = None) -> Any:
        """What `map` makes of a region (mode=shared), like "chr17:43,044,295-43,045,800", both ends counted from 1.

        Of a list, one map each. Its `llr`, numpy (bases, 4), has a column for A C G T; `importance` and `uncertainty`
        have one value a base. NaN stands where the genome has N. `fasta` as in `score`.
        Raises InputError for what is not a region of this genome.
        """
        if not isinstance(region, str):
            return [self.map(each, fasta) for each in _listed(region, "a region")]
        tiles = self._scorer(fasta)[0].tiles
        lengths = tiles.genome.lengths
        interval = typed_region(region, lengths)
        if interval.end > lengths[interval.contig]:
            length = lengths[interval.contig]
            raise InputError(
                f"region={region}: ends beyond {interval.contig}, which has {length:,} bases; "
                "map it only up to the end of the contig"
            )
        settings = self._scoring("map", longest_allele=1)
        return MutationMapper(
            VariantScorer(self.encoder, self.head, tiles, settings, self.window_bp, self.device)
        ).read(interval)

    def _codes(self, sequence: str) -> UInt8[Tensor, "1 length"]:
        return torch.from_numpy(codes_of(sequence))[None].to(self.device)

    def _checked(self, text: str, genome: Genome, checks: AlleleChecks) -> tuple[Status, Variant | None]:
        """Raises InputError for a mistake in the variant; what no model could score has a status."""
        typed = typed_variant(text)
        place = typed.contig, typed.position, typed.reference
        status, allele = checks.alleles(*place, (typed.alternate,))[0]
        if status not in MISTAKES:
            return status, allele
        _, contig, found = checks.reference(*place)
        if status is Status.NO_CONTIG:
            genome.known(Interval(typed.contig, 0, 1))  # says which contigs there are
        if status is Status.PAST_CONTIG_END:
            length = genome.contigs[contig].length
            raise InputError(f"{text}: lies beyond {contig}, which has {length:,} bases; is it from another build?")
        raise InputError(
            f"{text}: REF is {typed.reference.decode()[:50]}, but the genome has {found.decode()[:50]} there; was this "
            "variant called on another build?"
        )

    def _scorer(self, fasta: Fasta) -> tuple[VariantScorer, AlleleChecks]:
        listed = [fasta] if isinstance(fasta, str | os.PathLike) else fasta
        key = None if listed is None else tuple(os.fspath(each) for each in listed)
        now = [_look(path) for path in key or self.run.data.paths]
        if key not in self._scorers or self._scorers[key][0] != now:
            genome = open_genome(self.run, GenomeSettings(fasta=None if key is None else [*key], cache=None))
            for note in genome.notes:
                logger.info(note)
            tiles = GenomeTiles(genome)
            scorer = VariantScorer(
                self.encoder, self.head, tiles, self._scoring("predict"), self.window_bp, self.device,
                self.run.variant_head,
            )  # fmt: skip
            names = ContigNames(genome.lengths, {})
            self._scorers[key] = now, scorer, AlleleChecks(names, tiles.letters, scorer.longest_allele)
        return self._scorers[key][1:]

    def _scoring(self, command: str, **fixed: Any) -> ScoringSettings:
        """Those of a command by default."""
        plain = defaults_of(TRAINED, command) | fixed
        plain = {field.name: plain[field.name] for field in fields(ScoringSettings)}
        if self.run.variant_head is not None:
            plain["flank"] = self.run.variant_head.settings.flank
        return ScoringSettings(**plain)


def _listed(asked: Any, what: str) -> list[str]:
    """A list of texts; raises InputError for anything else."""
    plural = isinstance(asked, Iterable) and not isinstance(asked, bytes | bytearray | Mapping)
    listed: list[Any] = list(asked) if plural else [asked]
    for each in listed:
        if not isinstance(each, str):
            raise InputError(f"{each!r:.80}: wanted {what} as a str, or a list of such; found {type(each).__name__}")
    return listed


def _device(asked: str, attention: str) -> torch.device:
    """auto, cpu, cuda or one of several, as cuda:1; raises SettingsError for what is not there."""
    numbered = re.fullmatch(r"(cuda):([0-9]{1,4})", asked)
    kind, number = (numbered[1], int(numbered[2])) if numbered else (asked, 0)
    try:
        chosen = DeviceSettings(1, kind, attention, check_memory=False).torch_device(number)
    except SettingsError as error:
        raise SettingsError(str(error).replace(f"trainer.accelerator={kind}", f"device={asked}")) from None
    if chosen.type == "cuda" and number >= torch.cuda.device_count():
        raise SettingsError(f"device={asked}: this machine has GPUs cuda:0 to cuda:{torch.cuda.device_count() - 1}")
    return chosen


def _look(path: str) -> tuple[int, ...] | None:
    """What tells whether a file is still the one that was read: it may have been written again meanwhile."""
    try:
        there = os.stat(os.path.expanduser(path))
    except OSError:
        return None  # whoever opens it says what is wrong
    return there.st_dev, there.st_ino, there.st_size, there.st_mtime_ns
