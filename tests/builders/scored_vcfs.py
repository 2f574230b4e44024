"""A VCF as predict writes it, with labels, strata and another score."""

from collections.abc import Sequence

import numpy as np

from tests.builders.vcfs import record_line, vcf_text

DECLARED = [
    ("GENOLONG_LLR", "Float"), ("GENOLONG_PROB", "Float"), ("GENOLONG_STATUS", "String"), ("CADD", "Float"),
    ("CLASS", "String"), ("GENE", "String"),
]  # fmt: skip


def scored_vcf(genes: Sequence[str] = ("g0", "g1", "g2"), alleles: int = 93) -> bytes:
    """Every third allele disrupts; the last one has no score."""
    chance = np.random.default_rng(1)
    lines = []
    for at in range(alleles):
        disrupts = at % 3 == 0
        info = f"CLASS={'disrupting' if disrupts else 'neutral'};GENE={genes[at * len(genes) // alleles]};CADD={at % 7}"
        llr, prob = chance.normal(-1 if disrupts else 0), chance.beta(3 if disrupts else 2, 3)
        info += ";GENOLONG_STATUS=ref_mismatch" if at == alleles - 1 else (
            f";GENOLONG_LLR={llr:.3f};GENOLONG_PROB={prob:.3f};GENOLONG_STATUS=ok"
        )  # fmt: skip
        lines.append(record_line(pos=7 + at, info=info))
    header = [
        b"##fileformat=VCFv4.2\n",
        *(f'##INFO=<ID={name},Number=A,Type={kind},Description="x">\n'.encode() for name, kind in DECLARED),
        b"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n",
    ]
    return vcf_text(*lines, header=header)
