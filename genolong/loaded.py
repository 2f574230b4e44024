"""A trained model in Python: logits and embeddings of sequences, scores of variants, maps of regions."""

import logging
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from functools import partial
from typing import Any, NamedTuple, TypeVar, overload

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
from genolong.genome.alleles import MISTAKES, AlleleChecks, ContigNames, Status
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
Answer = TypeVar("Answer")
Fasta = str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | None


class Score(NamedTuple):
    """A variant's score, with the same values as the command `predict` writes.

    `llr` is the log-likelihood ratio of the alternate to the reference allele in nats: below 0, the model prefers the
    reference. `distance` is between the embeddings of both alleles, and `probability` that of a trained variant head
    (None without one). `status` is "ok", or a remark such as "edge" (the window reaches beyond the contig). If the
    variant cannot be scored ("symbolic", "too_long", ...), all but the status is None.
    """

    llr: float | None
    distance: float | None
    probability: float | None
    status: str


class LoadedModel:
    """A trained model on a device, as returned by `genolong.load`; `run` says what it was trained on."""

    def __init__(self, run: TrainedRun, device: torch.device) -> None:
        self.run, self.device = run, device
        self.encoder = run.model.encoder.to(device).eval()
        self.head = run.model.head.to(device).eval()
        self._scorers: dict[tuple[str, ...] | None, tuple[Any, VariantScorer, AlleleChecks]] = {}

    @classmethod
    def opened(
        cls, path: str | os.PathLike[str], device: str | torch.device = "auto", precision: str = "32-true"
    ) -> "LoadedModel":  # fmt: skip
        """Loads a model; see genolong.load for the arguments."""
        check_precision(precision)
        attention = defaults_of(TRAINED, "predict")["trainer"]["attention"]
        chosen = _device(str(device), attention)
        if not isinstance(path, str | bytes | os.PathLike):
            raise InputError(f"{path!r:.80}: wanted the path of a model; found {type(path).__name__}")
        run = open_run(os.fsdecode(path), "path")
        for note in choose_reading(run.model.encoder, attention, precision, cuda=chosen.type == "cuda"):
            logger.info(note)
        loaded = cls(run, chosen)
        for note in run.caveats(chosen):
            logger.warning(note)
        return loaded

    def __repr__(self) -> str:
        size = f"{self.layers} blocks of width {self.width}, trained on windows of {self.window_bp:,} bases"
        return f"LoadedModel({self.run.title}: {size}; on {self.device})"

    @property
    def width(self) -> int:
        """Number of channels in the embedding of a base."""
        return self.encoder.settings.width

    @property
    def layers(self) -> int:
        """Number of blocks in the encoder."""
        return self.encoder.settings.layers

    @property
    def window_bp(self) -> int:
        """Length in bases of the windows that the model was trained on; sequences may have any length."""
        return self.run.window_bp

    @overload
    def logits(self, sequence: str) -> Logits: ...
    @overload
    def logits(self, sequence: Iterable[str]) -> list[Logits]: ...
    def logits(self, sequence: Any) -> Any:
        """Logits over A C G T at every base of a sequence: an array (bases, 4); for a list, a list of arrays.

        Each base's logits depend on the whole sequence, and their softmax is the probability of each base there. Write
        ? for a base to hide from the model, and N for letters other than A C G T. Only the strand as given is read,
        whereas `score` averages both strands.
        """
        if not isinstance(sequence, str):
            return _of_each(sequence, "sequence", self.logits)
        with torch.inference_mode():
            return self.encoder(self._codes(sequence), head=self.head)[0].float().cpu().numpy()

    @overload
    def embed(self, sequence: str, layer: int | None = None, *, both_strands: bool = False) -> States: ...
    @overload
    def embed(
        self, sequence: Iterable[str], layer: int | None = None, *, both_strands: bool = False
    ) -> list[States]: ...
    def embed(self, sequence: Any, layer: Any = None, *, both_strands: bool = False) -> Any:
        """The model's state at every base: an array (bases, width); for a list, a list of arrays.

        States are those after `layer` blocks; 0: the input to the first block; None: after the last block and its norm.
        Only the strand as given is read; `both_strands=True` averages both strands, as the command `embed` does.
        """
        check_layer(layer, self.encoder.settings)
        if not isinstance(sequence, str):
            return _of_each(sequence, "sequence", partial(self.embed, layer=layer, both_strands=both_strands))
        read = mean_of_strands if both_strands else layer_states
        with torch.inference_mode():
            return read(self.encoder, self._codes(sequence), layer)[0].float().cpu().numpy()

    @overload
    def score(self, variant: str, fasta: Fasta = None) -> Score: ...
    @overload
    def score(self, variant: Iterable[str], fasta: Fasta = None) -> list[Score]: ...
    def score(self, variant: Any, fasta: Fasta = None) -> Any:
        """Scores a variant like "chr17:43045712 T>G" (counted from 1, as in a VCF), as `predict` does (mode=exact).

        For a list of variants, which are read together, it returns a list of scores; variants that do not match the
        genome have no score, but a status (ref_mismatch, no_contig, past_contig_end). A single one raises InputError.
        `fasta` is a FASTA file or a list of them; None: the genome that the model was trained on, if it is unchanged.
        """
        scorer, checks = self._scorer(fasta)
        if isinstance(variant, str):
            checked = [self._checked(variant, scorer.tiles.genome, checks)]
        else:
            typed = _of_each(variant, "variant", typed_variant)
            checked = [checks.alleles(*each[:3], each[3:])[0] for each in typed]
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
    def map(self, region: str, fasta: Fasta = None, *, probability: bool = True) -> MappedBases: ...
    @overload
    def map(self, region: Iterable[str], fasta: Fasta = None, *, probability: bool = True) -> list[MappedBases]: ...
    def map(self, region: Any, fasta: Fasta = None, *, probability: bool = True) -> Any:
        """Scores all substitutions of a region like "chr17:43,044,295-43,045,800" (from 1, both ends included).

        As the command `map` does (mode=shared); for a list of regions, it returns a list of maps. In a map, `llr` is an
        array (bases, 4) with columns A C G T; `importance` and `uncertainty` have one value per base. All are NaN where
        the genome has N. A trained head gives `probabilities`, too, for which it reads four more windows per base,
        unless `probability` is False. `fasta` is as in `score`. Raises InputError if the genome has no such region.
        """
        if not isinstance(region, str):
            return _of_each(region, "region", partial(self.map, fasta=fasta, probability=probability))
        tiles = self._scorer(fasta)[0].tiles
        lengths = tiles.genome.lengths
        interval = typed_region(region, lengths)
        if interval.end > lengths[interval.contig]:
            length = lengths[interval.contig]
            raise InputError(
                f"region={region}: ends beyond {interval.contig}, which has {length:,} bases; "
                "map it only up to the end of the contig"
            )
        settings, head = self._scoring("map", longest_allele=1), self.run.variant_head if probability else None
        return MutationMapper(
            VariantScorer(self.encoder, self.head, tiles, settings, self.window_bp, self.device, head)
        ).read(interval)

    def _codes(self, sequence: str) -> UInt8[Tensor, "1 length"]:
        return torch.from_numpy(codes_of(sequence))[None].to(self.device)

    def _checked(self, text: str, genome: Genome, checks: AlleleChecks) -> tuple[Status, Variant | None]:
        """Raises InputError for a mistake in the variant; variants that no model could score get a status instead."""
        typed = typed_variant(text)
        place = typed.contig, typed.position, typed.reference
        status, allele = checks.alleles(*place, (typed.alternate,))[0]
        if status not in MISTAKES:
            return status, allele
        _, contig, found = checks.reference(*place)
        if status is Status.NO_CONTIG:
            genome.known(Interval(typed.contig, 0, 1))  # raises, naming the contigs that exist
        if status is Status.PAST_CONTIG_END:
            length = genome.contigs[contig].length
            raise InputError(f"{text}: lies beyond {contig}, which has {length:,} bases; is it from another build?")
        raise InputError(
            f"{text}: REF is {typed.reference.decode()[:50]}, but the genome has {found.decode()[:50]} there; was this "
            "variant called on another build?"
        )

    def _scorer(self, fasta: Fasta) -> tuple[VariantScorer, AlleleChecks]:
        listed = [fasta] if isinstance(fasta, str | os.PathLike) else fasta
        try:
            key = None if listed is None else tuple(os.fspath(each) for each in listed)
        except TypeError as error:
            raise InputError(
                f"fasta={fasta!r:.80}: wanted a path, or a list of paths; found {type(fasta).__name__}"
            ) from error
        now = [_look(path) for path in key or self.run.data.paths]
        if key not in self._scorers or self._scorers[key][0] != now:
            try:
                genome = open_genome(self.run, GenomeSettings(fasta=None if key is None else [*key], cache=None))
            except InputError as error:
                raise type(error)(str(error).replace("data.fasta=", "fasta=")) from error
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
        """The scoring settings that a command has by default."""
        plain = defaults_of(TRAINED, command) | fixed
        plain = {field.name: plain[field.name] for field in fields(ScoringSettings)}
        if self.run.variant_head is not None:
            plain["flank"] = self.run.variant_head.settings.flank
        return ScoringSettings(**plain)


def _of_each(asked: Any, noun: str, answer: Callable[[str], Answer]) -> list[Answer]:
    """An answer for each of several texts; raises InputError for anything else, naming the number of the wrong one."""
    wanted = f"wanted a {noun} as a str, or a list of such"
    one = isinstance(asked, bytes | bytearray | Mapping) or hasattr(asked, "reverse_complement")  # as Biopython's Seq
    try:
        several = None if one else iter(asked)
    except TypeError:
        several = None
    if several is None:
        raise InputError(f"{asked!r:.80}: {wanted}; found {type(asked).__name__}")
    answers = []
    for number, each in enumerate(several, 1):
        if not isinstance(each, str):
            raise InputError(f"{noun} {number:,}, {each!r:.80}: {wanted}; found {type(each).__name__}")
        try:
            answers.append(answer(each))
        except InputError as error:
            raise type(error)(f"{noun} {number:,}: {error}") from error
    return answers


def _device(asked: str, attention: str) -> torch.device:
    """The device of auto, cpu, cuda or a numbered GPU (cuda:1); raises SettingsError if there is no such device."""
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
    """A file's identity, size and time, to notice that it was rewritten since it was read."""
    try:
        there = os.stat(os.path.expanduser(path))
    except OSError:
        return None  # opening it will say what is wrong
    return there.st_dev, there.st_ino, there.st_size, there.st_mtime_ns
