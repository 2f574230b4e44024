"""Statuses of a scored VCF are counted allele by allele; what predict never writes is only a number."""

from pathlib import Path

from genolong.genome.vcf import VcfReader
from genolong.loading.status_counts import OTHER, StatusCounts
from tests.builders.vcfs import record_line, vcf_text


def test_every_allele_counts_once(tmp_path: Path):
    lines = [
        record_line(info="X_STATUS=ok,star;Y=1"), record_line(info="X_STATUS=ok"), record_line(info="Y_STATUS=ok"),
        record_line(info="X_STATUS=<script>"), record_line(info="."), b"broken",
    ]  # fmt: skip
    (tmp_path / "in.vcf").write_bytes(vcf_text(*lines))
    found = StatusCounts("X")
    with VcfReader(tmp_path / "in.vcf") as reader:
        for record in reader:
            found.add(record)
    assert found.counts == {"ok": 2, "star": 1, OTHER: 1}
