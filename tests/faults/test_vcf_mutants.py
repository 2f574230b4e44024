"""Mutants of VCFs through all of predict: every line comes back as it was, every allele with a status, or a refusal."""

import gzip
import io
import re
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from genolong.commands.variants.predict import predict
from genolong.commands.variants.predict_settings import PredictSettings
from genolong.runs.record import beside
from tests.builders.genomes import bgzip
from tests.builders.vcfs import HEADER, record_line, vcf_text
from tests.faults.conftest import LETTERS
from tests.faults.judged import times, works_or_refuses
from tests.faults.mutants import mutants

LINES = [
    record_line("chr1", 60, LETTERS[59], "ACGT".replace(LETTERS[59], "")[0]) + b"\tGT\t0/1",
    record_line("chr1", 70, LETTERS[69:72], f"{LETTERS[69]},*,<DEL>", "AC=1,2,3;X"),
    record_line("1", 80, LETTERS[79], ".", "SVTYPE=DEL;") + b"\r",
    record_line("chr9", 7, "A", "C]chr1:7]"),
]
PLAIN = vcf_text(*LINES)
PIECES = (
    b"chr1", b"\t", b"\t.\t", b";", b"=", b"A", b"GENOLONG_STATUS=ok", b"##", b"#CHROM", *LINES, *HEADER,
    b"##INFO=<ID=", b",", b"<", b"1048576", b"../../x", b"GENOLONG_LLR", b"\x1f\x8b",
)  # fmt: skip
OURS = re.compile(rb"##(INFO=<ID=GENOLONG_|genolong_predict=)")
SHAPES = {"in.vcf": PLAIN, "a.vcf.gz": gzip.compress(PLAIN, mtime=0), "b.vcf.gz": bgzip(PLAIN, block=71)}


def predicted_right(settings: PredictSettings) -> bool:
    output, content = Path(settings.output), Path(settings.vcf).read_bytes()
    done = predict(settings)
    assert done is not None
    wanted = gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content
    found = output.read_bytes()
    output.unlink()
    beside(output).unlink()
    given, got = lines_without_ours(wanted), lines_without_ours(found)
    at = header_lines(given)
    assert got[:at] == given[:at]
    assert len(got) == len(given)
    for before, after in zip(given[at:], got[at:], strict=True):
        assert_only_info_has_grown(before, after)
    assert done.tally.records == len(given) - at
    return True


def goes_on(settings: PredictSettings) -> None:
    """With our fields replaced, from where it was refused; the whole file is as if it had never been."""
    assert predict(settings) is not None
    output = Path(settings.output)
    found = output.read_bytes()
    assert predict(replace(settings, resume="no")) is not None
    assert output.read_bytes() == found
    output.unlink()
    beside(output).unlink()


def lines_without_ours(text: bytes) -> list[bytes]:
    """Lines as they are, without what predict adds to the header."""
    return [line for line in io.BytesIO(text).readlines() if not OURS.match(line)]


def assert_only_info_has_grown(before: bytes, after: bytes) -> None:
    columns, others = (re.sub(rb"(\r\n|\n|\r)$", rb"\t\1", line).split(b"\t") for line in (before, after))
    if before.startswith(b"#") or len(before.rstrip(b"\r\n").split(b"\t")) < 8:
        assert before == after
        return
    assert columns[:7] + columns[8:] == others[:7] + others[8:]
    info = b"" if columns[7] in (b"", b".") else columns[7] + b";" * (not columns[7].endswith(b";"))
    assert others[7].startswith(info + b"GENOLONG_")
    (statuses,) = re.findall(rb"(?:^|;)GENOLONG_STATUS=([^;]*)", others[7][len(info) :])
    assert len(statuses.split(b",")) == len(columns[4].split(b","))


def header_lines(lines: list[bytes]) -> int:
    return next(at for at, line in enumerate(lines, 1) if line.removeprefix(b"\xef\xbb\xbf").startswith(b"#CHROM"))


@pytest.mark.parametrize("name", SHAPES)
@times(quick=70, nightly=1500)
def test_a_mutant_of_a_vcf_comes_back_whole_or_is_refused(small_prediction: PredictSettings, name: str, count: int):
    path = Path(small_prediction.vcf).with_name(name)
    asked = replace(small_prediction, vcf=str(path), most_mismatches=1.0)
    read = 0
    for mutant in mutants(SHAPES[name], PIECES, count, seed=29):
        path.write_bytes(mutant)
        read += works_or_refuses(partial(predicted_right, asked)) or 0
        if Path(
            f"{asked.output}.journal"
        ).exists():  # a record was refused that has one of our fields; others were done
            works_or_refuses(partial(goes_on, replace(asked, overwrite_fields=True, resume="auto")))
        left = {file.name for file in path.parent.iterdir()} - {*SHAPES, "genome.fa", "run", "cache"}
        assert not left, "a refusal leaves nothing"
    assert 0 < read < count


@times(quick=60, nightly=1500)
def test_a_mutant_of_a_compressed_text_comes_back_whole_or_is_refused(small_prediction: PredictSettings, count: int):
    """The checksums of bgzip refuse what is changed afterwards, so here the text is changed before."""
    path = Path(small_prediction.vcf).with_name("b.vcf.gz")
    asked = replace(small_prediction, vcf=str(path), most_mismatches=1.0)
    for mutant in mutants(PLAIN, PIECES, count, seed=31):
        path.write_bytes(bgzip(mutant, block=64))
        works_or_refuses(partial(predicted_right, asked))
