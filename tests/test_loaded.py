"""genolong.load: the model's own numbers, the scores that predict writes, and one line for every mistake."""

import csv
import logging
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pysam
import pytest
import torch
from Bio.Seq import Seq
from hydra import compose, initialize_config_dir

import genolong
from genolong import loaded
from genolong.commands.maps.map import map_regions
from genolong.commands.maps.map_settings import MapSettings
from genolong.commands.reading.trained_run import TrainedRun, open_run
from genolong.commands.training.train_variants import train_variants
from genolong.commands.variants.predict import predict
from genolong.commands.variants.predict_settings import PredictSettings
from genolong.errors import InputError, MissingInputError, SettingsError
from genolong.genome.alphabet import encode, reverse_complement
from genolong.loaded import LoadedModel, Score
from genolong.model.masked_base_model import MaskedBaseModel
from genolong.settings import CONF, check
from tests.builders.genomes import random_letters, write_fasta
from tests.builders.variant_training import GENOME, make_home, settings
from tests.builders.vcfs import record_line, vcf_text

pytestmark = pytest.mark.filterwarnings("ignore:GPU available")
SEQUENCE = random_letters(61, 5)
WINDOW = 32  # of make_home's model
LONGEST = WINDOW - 2 * 4


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A genome, a model, and the same with a trained head."""
    folder = make_home(tmp_path_factory.mktemp("loaded"))
    train_variants(settings(folder, "trainer.max_steps=3", "trainer.validate_every=3"), folder / "head")
    return folder


@pytest.fixture(scope="module")
def model(home: Path) -> LoadedModel:
    return genolong.load(home / "base", device="cpu")


def asked(model: LoadedModel) -> MaskedBaseModel:
    return model.run.model


def test_logits_are_the_models(model: LoadedModel):
    found = model.logits(SEQUENCE)
    assert found.dtype == np.float32 and found.shape == (61, 4)
    with torch.inference_mode():
        direct = asked(model)(torch.from_numpy(encode(SEQUENCE.encode()))[None])[0]
    np.testing.assert_array_equal(found, direct.numpy())
    one, other = model.logits([SEQUENCE, SEQUENCE[:7].lower()])
    np.testing.assert_array_equal(one, found)
    assert other.shape == (7, 4)
    hidden = model.logits(SEQUENCE[:30] + "?" + SEQUENCE[31:])
    assert not np.array_equal(hidden[30], found[30])


def test_a_model_says_what_it_is(model: LoadedModel, home: Path):
    size = f"{model.layers} blocks of width {model.width}, trained on windows of {model.window_bp:,} bases"
    assert repr(model) == f"LoadedModel({model.run.name}: {size}; on cpu)"
    assert repr(genolong.load(home / "head", "cpu")) == f"LoadedModel(head with a trained head: {size}; on cpu)"


def test_embeddings_are_the_encoders(model: LoadedModel):
    codes = torch.from_numpy(encode(SEQUENCE.encode()))[None]
    encoder = asked(model).encoder
    with torch.inference_mode():
        normed, entering = encoder(codes)[0].numpy(), encoder.embedding(codes.int())[0].numpy()
        other = torch.from_numpy(reverse_complement(encode(SEQUENCE.encode())).copy())[None]
        backwards = encoder(other)[0].numpy()[::-1]
    found = model.embed(SEQUENCE)
    assert found.dtype == np.float32 and found.shape == (61, model.width)
    np.testing.assert_array_equal(found, normed)
    np.testing.assert_array_equal(model.embed(SEQUENCE, layer=0), entering)
    np.testing.assert_array_equal(model.embed(SEQUENCE, both_strands=True), (normed + backwards) / 2)
    assert [each.shape for each in model.embed(["A", "NN"], layer=1)] == [(1, model.width), (2, model.width)]


def base(pos: int, length: int = 1) -> str:
    return GENOME["chr1"][pos - 1 : pos - 1 + length]


def test_a_genome_that_was_written_again_or_lies_elsewhere_is_read_anew(home: Path, tmp_path: Path, monkeypatch):
    model = genolong.load(str(home / "base"), "cpu")
    scores = []
    for folder, seed in (("a", 5), ("a", 6), ("b", 5)):
        (tmp_path / folder).mkdir(exist_ok=True)
        monkeypatch.chdir(tmp_path / folder)
        letters = random_letters(300, seed)
        Path("own.fa").write_text(f">c\n{letters}\n")
        scores.append(model.score(f"c:60 {letters[59]}>{OTHER[letters[59]]}", "own.fa"))
        assert model.map("c:60-60", "own.fa").codes.tolist() == ["ACGT".index(letters[59])]
    assert scores[0] == scores[2] != scores[1]


OTHER = {"A": "C", "C": "G", "G": "T", "T": "A"}
VARIANTS = [  # position, REF, ALT
    (60, base(60), OTHER[base(60)]), (1, base(1), OTHER[base(1)]), (71, base(71, 5), base(71)),
    (83, base(83), base(83) + "TTGCA"), (97, base(97), "<DEL>"), (98, base(98), "*"), (99, base(99), base(99)),
    (101, base(101), base(101) + "A" * (LONGEST + 1)), (103, base(103), "N"), (107, base(107), f"G]chr2:{7}]"),
]  # fmt: skip


@pytest.mark.parametrize("run", ["base", "head"])
def test_a_score_is_what_predict_writes(home: Path, tmp_path: Path, run: str):
    (tmp_path / "in.vcf").write_bytes(vcf_text(*[record_line("chr1", *each) for each in VARIANTS]))
    flank = 4 if run == "head" else 8
    overrides = [
        f"model={home / run}", f"vcf={tmp_path / 'in.vcf'}", f"output={tmp_path / 'out.vcf'}",
        f"longest_allele={WINDOW - 2 * flank}", f"flank={flank}", "trainer.accelerator=cpu",
    ]  # fmt: skip
    with initialize_config_dir(str((CONF / "trained").resolve()), version_base="1.3"):
        predict(check(compose("predict", overrides=overrides), PredictSettings))
    with pysam.VariantFile(str(tmp_path / "out.vcf")) as file:
        written = [record.info for record in file]
    model = genolong.load(str(home / run), "cpu")
    scores = model.score([f"chr1:{pos} {ref}>{alt}" for pos, ref, alt in VARIANTS])
    for info, score in zip(written, scores, strict=True):
        assert info["GENOLONG_STATUS"] == (score.status,)
        if score.llr is None:
            assert score == Score(None, None, None, score.status)
            continue
        assert (score.probability is not None) == (run == "head")
        shown = [("LLR", score.llr, 5e-5), ("DIST", score.distance, 1e-3), ("PROB", score.probability, 5e-5)]
        for name, value, near in shown:
            if value is not None:
                (found,) = info.get(f"GENOLONG_{name}", (None,))
                assert found is not None and abs(found - value) <= near * max(1, abs(value)) * 1.01
    assert [score.status for score in scores[:5]] == ["ok", "edge", "ok", "ok", "symbolic"]
    assert scores[7].status == "too_long"
    typed = [f"chr1:{pos} {ref}>{alt}" for pos, ref, alt in VARIANTS]
    fasta = next(iter(model.run.data.fasta if isinstance(model.run.data.fasta, list) else [model.run.data.fasta]))
    assert model.score(typed, Path(fasta)) == model.score(typed, [Path(fasta)]) == model.score(typed, fasta) == scores
    with pytest.raises(SettingsError, match=r"^fasta=\[\]: wanted the path"):
        model.score(typed, [])
    alone = model.score(f"1:{VARIANTS[0][0]} {VARIANTS[0][1]}>{VARIANTS[0][2]}")
    assert alone.llr == pytest.approx(scores[0].llr, abs=1e-6)


@pytest.mark.parametrize(
    ("variant", "line"),
    [
        ("chr1 7 A>C", r"^'chr1 7 A>C': wanted a variant as CONTIG:POSITION REF>ALT"),
        ("chr3:7 A>C", r"^there is no contig chr3 in .*genome.fa; did you mean chr"),
        ("chr1:6001 A>C", r"^chr1:6001 A>C: lies beyond chr1, which has 6,000 bases; is it from another build\?$"),
        (
            f"chr1:60 {OTHER[base(60)]}>{base(60)}",
            rf"^chr1:60 .>.: REF is {OTHER[base(60)]}, but the genome has {base(60)} there; was this variant called on",
        ),
    ],
)
def test_a_variant_that_is_not_of_this_genome_is_refused(model: LoadedModel, variant: str, line: str):
    with pytest.raises(InputError, match=line) as refusal:
        model.score(variant)
    assert "\n" not in str(refusal.value)


def test_variants_that_are_not_of_this_genome_have_a_status_among_others(model: LoadedModel):
    fine = f"chr1:60 {base(60)}>{OTHER[base(60)]}"
    found = model.score(["chr3:7 A>C", fine, "chr1:6001 A>C", f"chr1:60 {OTHER[base(60)]}>{base(60)}"])
    assert [score.status for score in found] == ["no_contig", "ok", "past_contig_end", "ref_mismatch"]
    assert found[1].llr == pytest.approx(model.score(fine).llr, abs=1e-6)
    assert all(score[:3] == (None, None, None) for score in found if score.status != "ok")
    with pytest.raises(InputError, match=r"^variant 2: 'chr1 7 A>C': wanted a variant as CONTIG:POSITION REF>ALT"):
        model.score([fine, "chr1 7 A>C"])


def test_a_genome_that_is_gone_is_named_by_its_argument(home: Path, tmp_path: Path):
    model = genolong.load(home / "base", "cpu")
    (home / "genome.fa").rename(tmp_path / "genome.fa")
    try:
        with pytest.raises(MissingInputError, match=r"; name one \(fasta=\)$"):
            model.score(f"chr1:60 {base(60)}>{OTHER[base(60)]}")
    finally:
        (tmp_path / "genome.fa").rename(home / "genome.fa")


def test_another_fasta_may_be_named(model: LoadedModel, tmp_path: Path):
    fasta = write_fasta(tmp_path, {"mine": GENOME["chr1"]})
    variant = f"60 {base(60)}>{OTHER[base(60)]}"
    assert model.score(f"mine:{variant}", fasta=str(fasta)).llr == model.score(f"chr1:{variant}").llr
    with pytest.raises(MissingInputError, match=r"nothing\.fa"):
        model.score(f"mine:{variant}", fasta=[str(tmp_path / "nothing.fa")])


def test_what_cannot_be_asked_is_refused(model: LoadedModel, home: Path):
    with pytest.raises(InputError, match=r"^sequence 2: letter 3 of the sequence is 'X'"):
        model.logits(["ACG", "ACX"])
    wrong: list[Any] = [-1, model.layers + 1, 1.0, True, "1"]
    for layer in wrong:
        with pytest.raises(SettingsError, match=rf"layer={layer}: wanted 0 "):
            model.embed("ACGT", layer)
    with pytest.raises(MissingInputError, match=r"^path=.*: no such run; name a run's folder"):
        genolong.load(home / "nothing")
    with pytest.raises(SettingsError, match=r"^device=tpu: wanted auto, cpu or cuda"):
        genolong.load(home / "base", "tpu")
    with pytest.raises(SettingsError, match=r"^precision=half: wanted 32-true or bf16-mixed"):
        genolong.load(home / "base", precision="half")


@pytest.mark.parametrize("wrong", [b"ACGT", 5, None, 1.5, [b"ACGT"], [5, "ACGT"], {"a": "ACGT"}, np.array([0, 1, 2])])
def test_what_is_no_text_is_refused_in_one_line(model: LoadedModel, wrong: Any):
    for asked, name in (
        (model.logits, "sequence"), (model.embed, "sequence"), (model.score, "variant"), (model.map, "region"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=rf": wanted a {name} as a str, or a list of such; found \w+$") as refusal:
            asked(wrong)
        numbered = isinstance(wrong, list | np.ndarray)
        assert (re.match(f"{name} 1, ", str(refusal.value)) is not None) == numbered


def test_any_collection_of_texts_is_a_list(model: LoadedModel):
    collections: list[Any] = [("ACGT", "GG"), np.array(["ACGT", "GG"]), iter(["ACGT", "GG"])]
    for several in collections:
        assert [len(logits) for logits in model.logits(several)] == [4, 2]
    assert model.logits([]) == model.embed([]) == model.score([]) == model.map([]) == []
    maps = model.map(["chr1:11-13", "chr1:21-22"])
    assert [mapped.interval.start for mapped in maps] == [10, 20]
    np.testing.assert_array_equal(maps[1].llr, model.map("chr1:21-22").llr)


def test_devices_may_be_torchs_own(home: Path):
    assert genolong.load(home / "base", device=torch.device("cpu")).device == torch.device("cpu")
    for device in ("cpu:x", "cuda:", "cuda:one", "cpu:0"):
        with pytest.raises(SettingsError, match=rf"^device={device}: wanted auto, cpu or cuda"):
            genolong.load(home / "base", device=device)


@pytest.mark.parametrize(("device", "number"), [("cuda", 0), ("cuda:0", 0), ("cuda:1", 1), ("cuda:2", None)])
def test_one_of_several_gpus_may_be_chosen(monkeypatch, device: str, number: int | None):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    if number is None:
        with pytest.raises(SettingsError, match=r"^device=cuda:2: this machine has GPUs cuda:0 to cuda:1$"):
            loaded._device(device, "auto")
    else:
        assert loaded._device(device, "auto") == torch.device("cuda", number)


def test_a_model_may_be_read_in_16_bits(model: LoadedModel, home: Path):
    half, sequence = genolong.load(home / "base", precision="bf16-mixed"), "ACGT" * 20
    assert 0 < np.abs(half.embed(sequence) - model.embed(sequence)).max() < 0.05


def test_a_device_that_moves_the_answers_is_told(home: Path, monkeypatch, caplog):
    monkeypatch.setattr(TrainedRun, "moved_on", lambda run, device: (f"{device} moves it",))
    caplog.set_level(logging.WARNING, logger="genolong")
    loaded = genolong.load(home / "base", "cpu")
    assert caplog.messages == ["cpu moves it"]
    assert loaded.window_bp == WINDOW and loaded.run.weights_sha256 == open_run(str(home / "base")).weights_sha256


@pytest.mark.parametrize(("kind", "device"), [(torch.float64, "cpu"), (torch.bfloat16, "meta")])
def test_a_notebooks_defaults_change_nothing(model: LoadedModel, home: Path, kind: torch.dtype, device: str):
    sequence, wanted = "ACGT" * 20, model.logits("ACGT" * 20)
    torch.set_default_dtype(kind)
    torch.set_default_device(device)
    try:
        found = [loaded.logits(sequence) for loaded in (model, genolong.load(home / "head", "cpu"))]
    finally:
        torch.set_default_dtype(torch.float32)
        torch.set_default_device(None)
    assert all(np.array_equal(each, wanted) for each in found)


@pytest.mark.parametrize(
    ("sequence", "shown"), [(Seq("AC"), "Seq('AC')"), (np.array("AC"), "array('AC', dtype='<U2')")]
)
def test_what_is_like_text_is_not_taken_for_a_list_of_letters(model: LoadedModel, sequence: Any, shown: str):
    wanted = f"{shown}: wanted a sequence as a str, or a list of such; found {type(sequence).__name__}"
    for answer in (model.logits, model.embed):
        with pytest.raises(InputError) as refusal:
            answer(sequence)
        assert str(refusal.value) == wanted


MISTYPED = """
import genolong
model = genolong.load({path!r}, "cpu")
asked = lambda: genolong.load(None), lambda: model.score("one:5 A>C", 3), lambda: model.score("one:5 A>C", b"x")
for ask in asked:
    try:
        ask()
    except genolong.errors.InputError as error:
        print(error)
"""


def test_another_type_is_refused_in_one_line_where_no_types_are_checked(home: Path):
    command = [sys.executable, "-c", MISTYPED.format(path=str(home / "base"))]
    out = subprocess.run(command, cwd=CONF.parent, capture_output=True, text=True, check=True).stdout
    assert out.splitlines() == [
        "None: wanted the path of a model; found NoneType",
        "fasta=3: wanted a path, or a list of paths; found int",
        "fasta=b'x': wanted a path, or a list of paths; found bytes",
    ]


@pytest.mark.parametrize(("run", "probability"), [("base", True), ("head", True), ("head", False)])
def test_a_map_is_what_the_command_writes(home: Path, tmp_path: Path, run: str, probability: bool, caplog):
    caplog.set_level(logging.INFO, logger="genolong")
    words = [
        f"model={home / run}", "region='chr1:1,001-1,040'", f"output={tmp_path / 'x'}", "trainer.accelerator=cpu",
        "pictures=0", f"probability={probability}", *(["flank=4"] if run == "head" else []),
    ]  # fmt: skip
    with initialize_config_dir(str((CONF / "trained").resolve()), version_base="1.3"):
        map_regions(check(compose("map", overrides=words), MapSettings))
    found = genolong.load(home / run, "cpu").map("1:1,001-1,040", probability=probability)
    assert (found.probabilities is not None) == (run == "head" and probability)
    held = "llr, importance, uncertainty" + (", probabilities" if found.probabilities is not None else "")
    assert repr(found) == f"MappedBases(chr1:1001-1040: 40 bases, {int(found.known.sum())} of them known; {held})"
    assert str(found.interval) == "chr1:1001-1040" and found.llr.shape == (40, 4) and found.importance.shape == (40,)
    with (tmp_path / "x.tsv").open() as file:
        for at, row in enumerate(csv.DictReader(file, delimiter="\t")):
            wanted = [float(row[f"llr_{letter}"]) for letter in "ACGT"] if row["llr_A"] else [np.nan] * 4
            np.testing.assert_allclose(found.llr[at], wanted, atol=1e-4)
            if row["llr_A"]:
                assert found.uncertainty[at] == pytest.approx(float(row["uncertainty_bits"]), abs=1e-4)
            assert ("probability_A" in row) == (run == "head" and probability)
            if found.probabilities is not None and row["llr_A"]:
                wanted = [float(row[f"probability_{letter}"] or "nan") for letter in "ACGT"]
                np.testing.assert_allclose(found.probabilities[at], wanted, atol=1e-4)
    with pysam.VariantFile(str(tmp_path / "x.vcf.gz")) as file:
        assert all(
            ("GENOLONG_PROB" in record.info) == (run == "head" and probability) for record in file if record.alts
        )
    told = "the trained head of this run reads four more windows per base; probability=false skips it"
    assert (told in caplog.messages) == (run == "head" and probability)


def test_a_region_that_is_not_of_this_genome_is_refused(model: LoadedModel):
    with pytest.raises(
        InputError, match=r"^region=chr1:5990-6001: ends beyond chr1, which has 6,000 bases; map it only"
    ):
        model.map("chr1:5990-6001")
    with pytest.raises(InputError, match=r"^region=chr1:7: wanted CONTIG:FIRST-LAST, like chr17"):
        model.map("chr1:7")


def test_the_package_knows_its_version_and_nothing_else_it_lacks():
    assert genolong.__version__ == version("genolong")
    with pytest.raises(AttributeError, match=r"^module 'genolong' has no attribute 'vresion'$"):
        genolong.vresion  # noqa: B018  # pyright: ignore
