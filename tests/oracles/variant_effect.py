"""An allele's effect by string operations: one sequence and one strand a forward pass, no batches, no codes shared."""

from collections.abc import Sequence

import torch
from torch import nn

from genolong.genome.edit import Variant
from genolong.tasks.variant_effect import ScoringSettings

COMPLEMENT = str.maketrans("ACGTN?", "TGCAN?")


def edited(contig: str, variant: Variant) -> str:
    """The whole contig with the alternate allele in it."""
    rest = contig[variant.start + len(variant.reference) :]
    return contig[: variant.start] + variant.alternate.decode() + rest


def cut(contig: str, start: int, length: int) -> str:
    """Letters start … start + length - 1, N beyond the ends."""
    return "".join(contig[at] if 0 <= at < len(contig) else "N" for at in range(start, start + length))


def reversed_strand(letters: str) -> str:
    """The other strand, in its own direction."""
    return letters.translate(COMPLEMENT)[::-1]


class PlainScorer:
    """LLR and distance after their definition, of a genome given as letters (A C G T N)."""

    def __init__(
        self, encoder: nn.Module, head: nn.Module, contigs: dict[str, str], settings: ScoringSettings, window: int
    ) -> None:
        self.encoder, self.head, self.contigs, self.settings, self.window = encoder, head, contigs, settings, window

    def score(self, variant: Variant, sites: Sequence[int] = ()) -> tuple[float, float]:
        """Of one allele; `sites` are all positions of its contig that are scored with it (mode=shared)."""
        compared, distance = self._compare(variant)
        if len(variant.reference) == len(variant.alternate) == 1:
            return self.site(variant, sites), distance
        return compared, distance

    def features(self, variant: Variant, around: Sequence[int]) -> list[float]:
        """Differences of mean states over every stretch, the reference's over the widest, and the LLR."""
        longer = max(len(variant.reference), len(variant.alternate))
        start = variant.start - (self.window - longer) // 2
        first = variant.start - start
        means = []
        for text in (self.contigs[variant.contig], edited(self.contigs[variant.contig], variant)):
            _, states = self._read(cut(text, start, self.window))
            means.append([])
            for flank in around:
                region = range(max(0, first - flank), min(self.window, first + longer + flank))
                strands = [torch.stack([strand[at] for at in region]).mean(0) for strand in states]
                means[-1].append((strands[0] + strands[1]) / 2)
        differences = [alternate - reference for reference, alternate in zip(*means, strict=True)]
        return [*torch.cat([*differences, means[0][-1]]).tolist(), self._compare(variant)[0]]

    def site(self, variant: Variant, sites: Sequence[int]) -> float:
        """The LLR of a single base; `sites` as in score."""
        at, half = variant.start, self.window // 2
        start = at - (self.window - 1) // 2
        if self.settings.mode != "exact":
            start = at // half * half - (self.window - half) // 2
        letters = list(cut(self.contigs[variant.contig], start, self.window))
        hidden = {"exact": [at], "unmasked": [], "shared": self._hidden_with(at, sites, half)}[self.settings.mode]
        for position in hidden:
            letters[position - start] = "?"
        nats, _ = self._read("".join(letters))
        return nats[at - start][chr(variant.alternate[0])] - nats[at - start][chr(variant.reference[0])]

    def _hidden_with(self, at: int, sites: Sequence[int], half: int) -> list[int]:
        readings: list[list[int]] = []
        for position in sorted({site for site in sites if site // half == at // half} | {at}):
            for reading in readings:
                if all(abs(position - other) >= self.settings.spacing for other in reading):
                    reading.append(position)
                    break
            else:
                readings.append([position])
        return next(reading for reading in readings if at in reading)

    def _compare(self, variant: Variant) -> tuple[float, float]:
        longer = max(len(variant.reference), len(variant.alternate))
        start = variant.start - (self.window - longer) // 2
        texts = self.contigs[variant.contig], edited(self.contigs[variant.contig], variant)
        likelihoods, means = [], []
        for text in texts:
            letters = cut(text, start, self.window)
            nats, states = self._read(letters)
            first = variant.start - start
            region = range(max(0, first - self.settings.flank), min(self.window, first + longer + self.settings.flank))
            likelihoods.append([nats[at].get(letters[at]) for at in region])
            means.append([torch.stack([strand[at] for at in region]).mean(0) for strand in states])
        distance = sum(float((alt - ref).norm()) for ref, alt in zip(*means, strict=True)) / 2
        known = [value for values in likelihoods for value in values if value is not None]
        mean = sum(known) / max(1, len(known))
        reference, alternate = (sum(mean if value is None else value for value in values) for values in likelihoods)
        return alternate - reference, distance

    def _read(self, letters: str) -> tuple[list[dict[str, float]], list[list[torch.Tensor]]]:
        """Of every place the nats of each base, mean of both strands, and its states, a list a strand."""
        there, there_states = self._forward(letters)
        back, back_states = self._forward(reversed_strand(letters))
        mean = [
            {base: (here[base] + other[base.translate(COMPLEMENT)]) / 2 for base in "ACGT"}
            for here, other in zip(there, back[::-1], strict=True)
        ]
        return mean, [there_states, back_states[::-1]]

    def _forward(self, letters: str) -> tuple[list[dict[str, float]], list[torch.Tensor]]:
        codes = torch.tensor([["ACGTN?".index(letter) for letter in letters]])
        with torch.no_grad():
            states = self.encoder(codes)
            nats = self.head(states).double().log_softmax(-1)[0]
        return [dict(zip("ACGT", row.tolist(), strict=True)) for row in nats], list(states[0].double())
