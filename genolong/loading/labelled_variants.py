"""Labelled alleles of a VCF that can be scored: what replaces what, where, and which class each is of."""

from collections import Counter
from collections.abc import Collection, Iterable
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool

from genolong.genome.alleles import AlleleChecks, Status
from genolong.genome.edit import Variant
from genolong.genome.vcf import Record
from genolong.genome.vcf_info import field_values
from genolong.loading.labelled_alleles import texts_of_alleles


class LabelledVariants(NamedTuple):
    """Alleles of two classes, and how many of either could not be used, by the reason."""

    variants: list[Variant]
    positive: Bool[np.ndarray, " alleles"]
    left_out: dict[Status, int]


def read_labelled_variants(
    records: Iterable[Record], label: str, positives: Collection[str], negatives: Collection[str], checks: AlleleChecks
) -> LabelledVariants:
    """All alleles whose label is among the positives or negatives and that stand in the genome as they should."""
    key, variants, positive = label.encode(), [], []
    left_out: Counter[Status] = Counter()
    for record in records:
        if record.malformed:
            continue
        value = field_values(record.info, frozenset((key,))).get(key)
        labels = [
            None if text is None else text.decode("utf-8", "backslashreplace")
            for text in texts_of_alleles(value, len(record.alternates))
        ]
        wanted = [text in positives or text in negatives for text in labels]
        if not any(wanted):
            continue
        found = checks.alleles(record.contig, record.position, record.reference, record.alternates)
        for (status, variant), text, asked in zip(found, labels, wanted, strict=True):
            if asked and variant is not None:
                variants.append(variant)
                positive.append(text in positives)
            elif asked:
                left_out[status] += 1
    return LabelledVariants(variants, np.array(positive, bool), dict(left_out))
