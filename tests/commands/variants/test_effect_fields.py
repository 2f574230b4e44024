"""The fields that predict adds are a VCF's: other programs read their declarations and their values."""

import re
from pathlib import Path

import pysam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genolong.commands.variants.effect_fields import EffectFields
from genolong.genome.alleles import SCORED, Status
from genolong.genome.vcf_header import declared_info, with_lines
from genolong.tasks.variant_effect import MODES, Effect
from tests.builders.vcfs import HEADER, record_line, vcf_text

ORIGIN = {
    "version": "0.1", "model": "q", "weights_sha256": "0123456789abcdef", "fasta": "a.fa", "fasta_sha256": "f",
    "mode": "exact", "window_bp": "64",
}  # fmt: skip
ALL = EffectFields("GENOLONG", True, 'KIND "a" against b')
BOTH, LLR_ALONE = EffectFields("GENOLONG", True), EffectFields("GENOLONG", False)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "name", ["a.fa", 'a "b" \\ <c>,ID=x;=.fa', "\\", '"', "two\nlines\r\tand a tab", "\udcff", "ä"]
)
def test_other_programs_read_the_header(tmp_path: Path, mode: str, name: str):
    lines = ALL.header({**ORIGIN, "mode": mode, "fasta": name, "model": name}, flank=8)
    header = with_lines(HEADER, lines, ALL.keys)
    assert declared_info(header) == {b"AC", *ALL.keys}
    info = ALL.entries([Status.OK, Status.STAR], [Effect(-1.25, 0.5, Status.OK, 0.75), None]).decode()
    (tmp_path / "x.vcf").write_bytes(vcf_text(record_line(alt="C,*", info=info), header=header))
    with pysam.VariantFile(str(tmp_path / "x.vcf")) as file:
        fields = file.header.info
        assert [(fields[key].number, fields[key].type) for key in ALL.ids] == [
            ("A", "Float"), ("A", "Float"), ("A", "Float"), ("A", "String"),
        ]  # fmt: skip
        assert re.search("site (hidden|seen)", str(fields["GENOLONG_LLR"].description))
        (record,) = file
        assert record.info["GENOLONG_LLR"] == (-1.25, None) and record.info["GENOLONG_DIST"] == (0.5, None)
        assert record.info["GENOLONG_STATUS"] == ("ok", "star") and record.info["GENOLONG_PROB"] == (0.75, None)
        assert "Probability of KIND" in str(fields["GENOLONG_PROB"].description)
        told = {one.key: dict(one.items()) for one in file.header.records}["genolong_predict"]
        assert told["ID"] == "GENOLONG" and told["window_bp"].strip('"') == "64"


def test_what_is_computed_is_declared_and_nothing_else():
    assert b"PROB" not in b"".join(BOTH.header(ORIGIN, 8)) and b"PROB" in b"".join(ALL.header(ORIGIN, 8))
    text = b"".join(LLR_ALONE.header(ORIGIN, 8))
    assert b"GENOLONG_DIST" not in text and b"ID=GENOLONG_DIST," in b"".join(BOTH.header(ORIGIN, 8))
    assert b"DIST" not in LLR_ALONE.entries([Status.OK], [Effect(1.0, None, Status.OK)])
    assert LLR_ALONE.keys == BOTH.keys  # so that a stale one is removed


def test_its_own_line_of_an_earlier_run_is_known():
    *_, own = BOTH.header(ORIGIN, 8)
    assert BOTH.is_own(own) and not EffectFields("OTHER", True).is_own(own)
    assert not any(map(BOTH.is_own, [*HEADER, *BOTH.header(ORIGIN, 8)[:-1]]))


def test_every_status_is_explained():
    *_, declared, _ = BOTH.header(ORIGIN, 8)
    assert all(re.search(rf"\b{status}\b", declared.decode()) for status in Status)


@pytest.mark.parametrize(("value", "shown"), [
    (-1.23456, "-1.2346"), (0.0, "0.0000"), (-0.00001, "0.0000"), (12.0, "12.0000"), (-0.0001, "-0.0001"),
])  # fmt: skip
def test_scores_have_four_decimals_and_no_negative_zero(value: float, shown: str):
    assert LLR_ALONE.entries([Status.OK], [Effect(value, None, Status.OK)]) == (
        f"GENOLONG_LLR={shown};GENOLONG_STATUS=ok".encode()
    )


@given(st.lists(st.tuples(st.sampled_from(Status), st.floats(-99, 99), st.floats(0, 99)), min_size=1, max_size=5))
def test_every_allele_has_one_value_in_every_field(drawn: list[tuple[Status, float, float]]):
    effects = [Effect(llr, far, status, far / 99) if status in SCORED else None for status, llr, far in drawn]
    entries = ALL.entries([status for status, *_ in drawn], effects).decode()
    fields = dict(entry.split("=") for entry in entries.split(";"))
    assert fields["GENOLONG_STATUS"].split(",") == [status for status, *_ in drawn]
    assert set(fields) == (set(ALL.ids) if any(effects) else {"GENOLONG_STATUS"})
    for name, least in (("GENOLONG_LLR", -99), ("GENOLONG_DIST", 0), ("GENOLONG_PROB", 0)):
        for value, effect in zip(fields.get(name, "").split(","), effects, strict=name in fields):
            assert (value == "." if effect is None else float(value) >= least) or name not in fields
