"""The labelled alleles of a VCF that a model can score, as variants with their class."""

from collections import Counter
from collections.abc import Collection
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool

from genolong.genome.alleles import AlleleChecks, Status
from genolong.genome.edit import Variant
from genolong.genome.vcf import VcfReader
from genolong.genome.vcf_info import field_values
from genolong.loading.labelled_alleles import reading_of_texts


class LabelledVariants(NamedTuple):
    """Variants of two classes, and the number of unusable alleles by reason."""

    variants: list[Variant]
    positive: Bool[np.ndarray, " alleles"]
    left_out: dict[Status, int]


def read_labelled_variants(
    reader: VcfReader, label: str, positives: Collection[str], negatives: Collection[str], checks: AlleleChecks
) -> LabelledVariants:
    """All alleles whose label is among the positives or negatives and that match the genome."""
    key, variants, positive = label.encode(), [], []
    left_out: Counter[Status] = Counter()
    texts_of = reading_of_texts(reader.header, label)
    for record in reader:
        if record.malformed:
            continue
        value = field_values(record.info, frozenset((key,))).get(key)
        labels = [
            None if text is None else text.decode("utf-8", "backslashreplace")
            for text in texts_of(value, len(record.alternates))
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
