"""Labels and scores are those of their allele, whether a record has one value or one for each ALT."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from genolong.errors import InputError
from genolong.genome.vcf import VcfReader
from genolong.loading.labelled_alleles import LabelledAlleles, read_alleles
from tests.builders.vcfs import HEADER, record_line, vcf_text


def read(
    folder: Path, *lines: bytes, scores=("S",), stratum: str | None = "M", header: Sequence[bytes] = HEADER
) -> LabelledAlleles:
    (folder / "x.vcf").write_bytes(vcf_text(*lines, header=header))
    with VcfReader(folder / "x.vcf") as reader:
        return read_alleles("x.vcf", reader.header, reader, "L", scores, stratum)


def texts(words) -> list[str | None]:
    return [None if number < 0 else words.texts[number] for number in words.numbers]


def test_one_value_holds_for_all_alleles_and_a_list_for_each_its_own(tmp_path):
    found = read(
        tmp_path,
        record_line(alt="C,G", info="L=bad;S=1.5;M=m1"),
        record_line(alt="C,G", info="S=1,.;M=m1,m2;L=bad,good"),
        record_line(alt="C,G,T", info="L=good,.,bad;S=-1,2,3e-2"),
        record_line(alt="C,G", info="L=a,b,c;S=4;M=."),
        record_line(alt="C", info="L=Pathogenic,_low_penetrance;S=nan"),
    )
    assert texts(found.label) == [
        "bad", "bad", "bad", "good", "good", "bad", "a,b,c", "a,b,c", "Pathogenic,_low_penetrance",
    ]  # fmt: skip
    np.testing.assert_array_equal(found.scores["S"], [1.5, 1.5, 1, np.nan, -1, 0.03, 4, 4, np.nan])
    assert texts(found.stratum) == ["m1", "m1", "m1", "m2", None, None, None, None, None]
    assert found.label.counts() == {"bad": 4, "good": 2, "a,b,c": 2, "Pathogenic,_low_penetrance": 1}


@pytest.mark.parametrize(("number", "split"), [("A", True), ("1", False), (".", False), ("2", False), ("R", False)])
def test_a_list_is_split_only_if_the_header_says_that_each_allele_has_its_own(tmp_path, number: str, split: bool):
    declared = f'##INFO=<ID=L,Number={number},Type=String,Description="Number=A">\n'.encode()
    found = read(tmp_path, record_line(alt="C,G", info="L=c,d;M=m1,m2"), header=[HEADER[0], declared, HEADER[-1]])
    assert texts(found.label) == (["c", "d"] if split else ["c,d", "c,d"])
    assert texts(found.stratum) == ["m1", "m2"]  # not declared


def test_what_has_no_label_is_counted(tmp_path):
    lines = [record_line(info="S=1"), record_line(alt="C,G", info="L;S=2"), record_line(info="L=x"), b"chr1\t7", b""]
    found = read(tmp_path, *lines, stratum=None)
    assert (texts(found.label), found.unlabelled, found.malformed) == (["x"], 3, 2)
    assert np.isnan(found.scores["S"]).all()
    assert texts(found.stratum) == [None]


def test_sites_are_substitutions_of_one_base_without_what_both_alleles_share(tmp_path):
    found = read(
        tmp_path,
        record_line("chr2", 7, "a", "C,AT,*,G", info="L=x"),
        record_line("chr1", 9, "CAT", "CGT,C", info="L=x"),
        record_line("chr1", "x", "C", "T", info="L=x"),
    )
    sites = found.sites
    assert texts(sites.contig) == ["chr2"] * 4 + ["chr1"] * 3
    assert sites.position.tolist() == [6, -1, -1, 6, 9, -1, -1]
    assert sites.reference.tolist() == [0, 4, 4, 0, 0, 4, 4]
    assert sites.alternate.tolist() == [1, 4, 4, 2, 2, 4, 4]


def test_only_some_of_them(tmp_path):
    found = read(tmp_path, *(record_line(pos=at, info=f"L={at % 2};S={at};M=m{at % 3}") for at in range(1, 8)))
    some = found.only(found.label.are("1"))
    assert texts(some.label) == ["1"] * 4
    assert texts(some.stratum) == ["m1", "m0", "m2", "m1"]
    assert some.scores["S"].tolist() == [1, 3, 5, 7] and some.sites.position.tolist() == [0, 2, 4, 6]
    assert not found.label.are("2").any()


@pytest.mark.parametrize(
    ("info", "message"),
    [
        ("L=x;S=1,2", r"x\.vcf, line 6: S=1,2: 2 values for 3 ALT alleles; wanted one for each, or one for all"),
        ("L=x;S=1,high,2", r"x\.vcf, line 6: S=1,high,2: not a number; wanted one for each ALT allele"),
    ],
)
def test_a_malformed_score_is_refused_with_its_line(tmp_path, info, message):
    with pytest.raises(InputError, match=message):
        read(tmp_path, record_line(info="L=x;S=1"), record_line(alt="C,G,T", info=info))
