"""evaluate vcf=: scores against labels, what is left out, what is refused, and the files that are left behind."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from genolong.commands.evaluation.evaluate_variants import evaluate_variants
from genolong.commands.evaluation.evaluation_settings import EvaluationSettings, HeldOutSettings
from genolong.errors import InputError, MissingInputError, OutputError, SettingsError
from genolong.long_work import watched_by
from tests.builders.genomes import random_letters, write_fasta
from tests.builders.saved_runs import save_run
from tests.builders.vcfs import record_line, vcf_text
from tests.oracles.discrimination import auroc

DECLARED = [
    ("GENOLONG_LLR", "Float"), ("GENOLONG_DIST", "Float"), ("GENOLONG_STATUS", "String"), ("CADD", "Float"),
    ("CLASS", "String"), ("GENE", "String"),
]  # fmt: skip
CHANCE = np.random.default_rng(1)
LABELS = ["disrupting", "neutral", "neutral"] * 31
LLR = [round(CHANCE.normal(-1 if label == "disrupting" else 0), 2) for label in LABELS]
DIST = [round(CHANCE.normal(), 2) for _ in LABELS]
PLAIN = [f"CLASS={label};GENOLONG_LLR={llr}" for label, llr in zip(LABELS, LLR, strict=True)]
FULL = [
    f"{info};GENOLONG_DIST={dist};GENOLONG_STATUS=ok;GENE=g{at // 40}" + (f";CADD={at % 7}" if at % 5 else "")
    for at, (info, dist) in enumerate(zip(PLAIN, DIST, strict=True))
]


def write(folder: Path, infos, declared=DECLARED) -> EvaluationSettings:
    return write_lines(folder, [record_line(pos=at, info=info) for at, info in enumerate(infos, start=1)], declared)


def write_lines(folder: Path, lines: list[bytes], declared=DECLARED) -> EvaluationSettings:
    header = [
        b"##fileformat=VCFv4.2\n",
        *(f'##INFO=<ID={name},Number=.,Type={kind},Description="x">\n'.encode() for name, kind in declared),
        b"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n",
    ]
    (folder / "x.vcf").write_bytes(vcf_text(*lines, header=header))
    return EvaluationSettings(
        model=None, data=HeldOutSettings(None, None, None, None), windows=None, share=None, contexts=True,
        longest_context=0, device="cpu", precision="32-true", attention="auto", check_memory=True,
        vcf=str(folder / "x.vcf"), label="CLASS", positive=None, negative=None, baselines=[], strata=None,
        synonyms=None, prefix="GENOLONG", bootstrap=40, seed=1, output=None, debug=False,
    )  # fmt: skip


def test_scores_of_another_prefix_that_begins_alike_are_told_apart(tmp_path):
    infos = [f"{info};GENOLONG_SHARED_LLR={-llr}" for info, llr in zip(PLAIN, LLR, strict=True)]
    asked = write(tmp_path, infos, [*DECLARED, ("GENOLONG_SHARED_LLR", "Float")])
    alone = {figure.name for figure in evaluate_variants(asked).figures}
    assert "vcf/GENOLONG_LLR/auroc" in alone and not any("SHARED" in name for name in alone)
    shared = evaluate_variants(replace(asked, prefix="GENOLONG_SHARED"))
    assert [row[0].split(" (")[0] for row in shared.tables[0].rows] == ["-GENOLONG_SHARED_LLR", "chance"]


def test_how_well_probabilities_are_calibrated_is_a_figure(tmp_path):
    chances = [round(at / 93, 3) if at % 7 else None for at in range(len(PLAIN))]
    infos = [f"{info};GENOLONG_PROB={'.' if at is None else at}" for info, at in zip(PLAIN, chances, strict=True)]
    found = evaluate_variants(write(tmp_path, infos, [*DECLARED, ("GENOLONG_PROB", "Float")]))
    bins: dict[int, list[tuple[float, bool]]] = {}
    for chance, label in zip(chances, LABELS, strict=True):
        if chance is not None:
            bins.setdefault(min(int(chance * 15), 14), []).append((chance, label == "disrupting"))
    known = sum(map(len, bins.values()))
    far = sum(abs(sum(chance for chance, _ in each) - sum(positive for _, positive in each)) for each in bins.values())
    assert found.value("vcf/GENOLONG_PROB/calibration_error") == pytest.approx(far / known, abs=1e-6)
    assert not [figure for figure in evaluate_variants(write(tmp_path, FULL)).figures if "calibration" in figure.name]


def test_a_low_log_likelihood_ratio_and_a_high_score_of_any_other_kind_are_positive(tmp_path):
    found = evaluate_variants(replace(write(tmp_path, FULL), baselines=["CADD"]))
    is_positive = np.array(LABELS) == "disrupting"
    for name, values in (("GENOLONG_LLR", -np.array(LLR)), ("GENOLONG_DIST", np.array(DIST))):
        wanted = auroc(values[is_positive].tolist(), values[~is_positive].tolist())
        assert found.value(f"vcf/{name}/auroc") == pytest.approx(wanted, abs=1e-6)
    assert found.value("vcf/positives") == 31
    assert found.value("vcf/base_rate") == pytest.approx(1 / 3)
    assert found.value("vcf/CADD/missing") == 19
    assert found.value("vcf/GENOLONG_LLR/common/positives") == found.value("vcf/CADD/positives") < 31
    whole, common = found.tables
    assert whole.title == "x.vcf: CLASS disrupting against neutral (95 % of 40 bootstrap draws within each class)"
    assert [row[0].split(" (")[0] for row in whole.rows] == ["-GENOLONG_LLR", "GENOLONG_DIST", "CADD", "chance"]
    assert all(row[-1] == "0" for row in common.rows)


def test_the_vcf_is_never_written_over(tmp_path):
    settings = write(tmp_path, PLAIN)
    before = (tmp_path / "x.vcf").read_bytes()
    with pytest.raises(SettingsError, match=r"^output=.*x\.vcf: .*x\.vcf is an input, and would be overwritten"):
        evaluate_variants(replace(settings, output=settings.vcf))
    assert (tmp_path / "x.vcf").read_bytes() == before


@pytest.mark.parametrize("name", ["genome.fa", "run/checkpoints/last.ckpt", "run/record.json", "names.txt"])
def test_the_genome_and_the_model_of_the_k_mers_are_never_written_over(tmp_path, name):
    run = save_run(tmp_path / "run", write_fasta(tmp_path, {"one": random_letters(300, 1)}), 64, tmp_path / "cache")
    (run / "record.json").write_text("{}")
    (tmp_path / "names.txt").write_text("one 1\n")
    before = (tmp_path / name).read_bytes()
    names = str(tmp_path / "names.txt")
    settings = replace(write(tmp_path, PLAIN), model=str(run), synonyms=names, output=str(tmp_path / name))
    with pytest.raises(SettingsError, match=rf"^output=.*{name}: .*{name} is an input, and would be overwritten"):
        evaluate_variants(settings)
    assert (tmp_path / name).read_bytes() == before


def test_the_k_mers_find_contigs_by_synonyms_which_are_recorded(tmp_path):
    letters = random_letters(300, 1)
    run = save_run(tmp_path / "run", write_fasta(tmp_path, {"one": letters}), 64, tmp_path / "cache")
    (tmp_path / "names.txt").write_text("one NC_1\n")
    lines = [
        record_line("NC_1", at, base, "C" if base == "A" else "A", info)
        for at, (base, info) in enumerate(zip(letters.upper(), PLAIN, strict=False), start=1)
    ]
    settings = replace(write_lines(tmp_path, lines), model=str(run), synonyms=str(tmp_path / "names.txt"))
    found = evaluate_variants(settings)
    assert found.value("vcf/best_kmer/missing") == 0
    record = json.loads((tmp_path / "x.vcf.evaluation.record.json").read_text())
    assert str(tmp_path / "names.txt") in record["inputs_sha256"]


def test_figures_and_picture_lie_beside_the_vcf_or_where_output_says(tmp_path):
    settings = write(tmp_path, PLAIN)
    found = evaluate_variants(settings)
    assert [path.name for path in found.files] == ["x.vcf.evaluation.json", "x.vcf.evaluation.png"]
    figures = json.loads(found.files[0].read_text())
    assert {figure["name"]: figure["value"] for figure in figures} == {each.name: each.value for each in found.figures}
    assert found.files[1].read_bytes().startswith(b"\x89PNG")
    elsewhere = evaluate_variants(replace(settings, output=str(tmp_path / "new" / "y.json")))
    assert [str(path.relative_to(tmp_path)) for path in elsewhere.files] == ["new/y.json", "new/y.png"]
    assert elsewhere.files[0].read_bytes() == found.files[0].read_bytes()
    assert len(found.tables) == 1
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="file: figures cannot be written to this folder"):
        evaluate_variants(replace(settings, output=str(tmp_path / "file" / "x.json")))


def test_the_seed_decides_the_draws_and_none_are_made_for_0(tmp_path):
    settings = write(tmp_path, PLAIN)
    first, other, none = (
        evaluate_variants(replace(settings, **changes)) for changes in ({}, {"seed": 2}, {"bootstrap": 0})
    )
    assert first.value("vcf/GENOLONG_LLR/auroc") == other.value("vcf/GENOLONG_LLR/auroc")
    assert first.value("vcf/GENOLONG_LLR/auroc_low") != other.value("vcf/GENOLONG_LLR/auroc_low")
    with pytest.raises(KeyError):
        none.value("vcf/GENOLONG_LLR/auroc_low")


def test_strata_with_enough_of_both_classes_have_figures_and_the_others_are_told(tmp_path):
    infos = [*FULL[:-3], *(info.partition(";GENE")[0] for info in FULL[-3:])]
    found = evaluate_variants(replace(write(tmp_path, infos), strata="GENE"))
    table = found.tables[-1]
    assert (table.title, [row[:3] for row in table.rows]) == (
        "AUROC by GENE", [("g0", "14", "26"), ("g1", "13", "27")],
    )  # fmt: skip
    chosen = range(40, 80)
    scores = [[-LLR[at] for at in chosen if (LABELS[at] == "disrupting") == which] for which in (True, False)]
    assert found.value("vcf/GENOLONG_LLR/GENE=g1/auroc") == pytest.approx(auroc(*scores), abs=1e-6)
    assert found.notes == (
        "no figures for strata with fewer than 10 of either class: GENE=g2 (3 and 7)",
        "1 positive and 2 negative alleles without GENE are in no stratum",
    )


def test_a_score_without_values_for_both_classes_is_told(tmp_path):
    infos = [f"{info};GENOLONG_DIST=1" if "disrupting" in info else info for info in PLAIN]
    found = evaluate_variants(write(tmp_path, infos))
    assert found.notes == ("GENOLONG_DIST has no figures: no positive allele has a value, or no negative one",)
    assert [row[0] for row in found.tables[0].rows] == ["-GENOLONG_LLR", "chance"]


def test_scores_that_no_allele_has_together_are_not_compared_on_the_same_alleles(tmp_path):
    infos = [info if at < 40 else info.replace("GENOLONG_LLR", "CADD") for at, info in enumerate(PLAIN)]
    found = evaluate_variants(replace(write(tmp_path, infos), baselines=["CADD"]))
    assert found.notes[-1].startswith("no figures for alleles that have all of these scores")
    assert len(found.tables) == 1
    assert found.value("vcf/CADD/missing") == 40


@pytest.mark.parametrize(
    ("changes", "infos", "message"),
    [
        ({"label": "CLAS"}, PLAIN, r"x\.vcf: no allele has a value of CLAS \(label=\); did you mean CLASS\?"),
        ({"label": "zzzzz"}, PLAIN, r"no allele has a value of zzzzz \(label=\); the header declares GENOLONG_LLR, "),
        ({"strata": "gen"}, PLAIN, r"no labelled allele has a value of gen \(strata=\); did you mean GENE\?"),
        ({"baselines": ["CAD"]}, PLAIN, r"no labelled allele has a value of CAD \(baselines=\); did you mean CADD\?"),
        ({"strata": "GENE"}, PLAIN, r"value of GENE \(strata=\); the header declares it, but no record fills it"),
        ({"prefix": "OTHER"}, PLAIN, r"x\.vcf: has no scores: no numeric INFO field OTHER_.* run predict first"),
        ({"baselines": ["GENE"]}, FULL, r"x\.vcf, line 9: GENE=g0: not a number"),
        ({}, [info.replace("LLR=", "LLR=a") for info in PLAIN], r"x\.vcf, line 9: GENOLONG_LLR=a.*: not a number"),
        ({}, [info.split(";")[0] for info in PLAIN], r"none of GENOLONG_LLR, GENOLONG_DIST has a value for a positive"),
        ({}, [], r"no allele has a value of CLASS"),
        ({"label": "GENE"}, FULL, r"GENE is g0 \(40\), g1 \(40\), g2 \(13\); choose"),
        (
            {"positive": ["neutral"], "negative": ["no"]},
            PLAIN,
            r"no allele is negative: CLASS is never no, but",
        ),
    ],
)
def test_what_a_person_can_mend_is_one_line(tmp_path, changes, infos, message):
    with pytest.raises(InputError, match=message) as caught:
        evaluate_variants(replace(write(tmp_path, infos), **changes))
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 65
    assert not list(tmp_path.glob("*.json")) and not list(tmp_path.glob("*.png"))


def test_a_vcf_that_is_not_there_is_missing_input(tmp_path):
    with pytest.raises(MissingInputError, match=r"nothing\.vcf"):
        evaluate_variants(replace(write(tmp_path, PLAIN), vcf=str(tmp_path / "nothing.vcf")))


def test_reading_is_told_to_its_last_byte(tmp_path):
    settings, told = write(tmp_path, PLAIN), {}

    def watcher(what, size):
        told[what] = [size, 0]
        return lambda done: told.update({what: [size, told[what][1] + done]})

    with watched_by(watcher):
        evaluate_variants(settings)
    size = (tmp_path / "x.vcf").stat().st_size
    read = {what: sizes for what, sizes in told.items() if not what.startswith("hashing")}
    assert read == {f"reading {settings.vcf}": [size, size]}
