"""Settings of evaluate that cannot be right are refused, whichever of its two ways they are about."""

import pytest
import torch

from genolong.commands.evaluation.evaluation_settings import EvaluationSettings, HeldOutSettings
from genolong.errors import SettingsError

VCF = {"vcf": "x.vcf", "label": "CLNSIG"}


def settings(**changes) -> EvaluationSettings:
    values = {
        "model": None, "data": HeldOutSettings(None, None, None, None), "windows": None, "share": None,
        "contexts": True, "longest_context": 0, "device": "cpu", "precision": "32-true", "attention": "auto",
        "check_memory": True,
        "vcf": None, "label": None, "positive": None, "negative": None, "baselines": [], "strata": None,
        "synonyms": None, "prefix": "GENOLONG", "bootstrap": 1_000, "seed": 1, "output": None, "debug": False,
    }  # fmt: skip
    return EvaluationSettings(**(values | changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": "x", "windows": -1}, "windows=-1: wanted a number of windows"),
        ({"model": "x", "share": 1.0}, "share=1.0: wanted more than 0 and less than 1"),
        ({"model": "x", "longest_context": 127}, "longest_context=127: wanted 128 bases or more"),
        ({"model": "x", "device": "tpu"}, "device=tpu: wanted auto, cpu or cuda"),
        ({"model": "x", "attention": "mkl"}, "attention=mkl: wanted auto or aten or cpp or flash or triton"),
        ({"model": "x", "precision": "16"}, "precision=16: wanted 32-true or bf16-mixed"),
        ({}, "model: wanted a run's folder, .* or a VCF with scores"),
        ({"model": "x", "label": "A"}, "label=A: is about a VCF; name it too"),
        ({"model": "x", "baselines": ["A"]}, r"baselines=\['A'\]: is about a VCF"),
        ({"model": "x", "strata": "A"}, "strata=A: is about a VCF"),
        ({"model": "x", "synonyms": "A"}, "synonyms=A: is about a VCF"),
        ({"vcf": "x.vcf"}, "label: wanted the INFO field of x.vcf"),
        (VCF | {"positive": ["a"]}, "negative: wanted values of CLNSIG too, because positive= names some"),
        (VCF | {"negative": ["a"]}, "positive: wanted values of CLNSIG too, because negative= names some"),
        (VCF | {"positive": [], "negative": ["a"]}, r"positive=\[\]: wanted one text or more"),
        (
            VCF | {"positive": [True], "negative": ["a"]},
            r"positive=\[True\]: wanted texts, .* found True; quote it twice to mean the text: positive=\"'True'\"$",
        ),
        (VCF | {"positive": {"a": 1}, "negative": ["a"]}, "positive={'a': 1}: wanted texts"),
        (VCF | {"positive": ["a", "b"], "negative": "b"}, "positive and negative: both name b"),
        (VCF | {"prefix": "1_"}, "prefix=1_: wanted letters, digits and _"),
        (VCF | {"bootstrap": 39}, "bootstrap=39: wanted 40 draws or more, or 0"),
        (VCF | {"bootstrap": -1}, "bootstrap=-1: wanted 40 draws or more, or 0"),
        (VCF | {"seed": -1}, "seed=-1: wanted a whole number"),
        (VCF | {"vcf": "-"}, "output: wanted a JSON file .* standard input"),
        (
            VCF | {"model": "x", "data": HeldOutSettings(None, None, ["1"], None)},
            r"data.validation=\['1'\]: is about held",
        ),
        (
            VCF | {"model": "x", "data": HeldOutSettings(None, None, None, "b")},
            "data.regions=b: is about held-out bases",
        ),
        (VCF | {"data": HeldOutSettings("x.fa", None, None, None)}, "data.fasta=x.fa: is read for the k-mer baseline"),
        (
            VCF | {"synonyms": "x.txt"},
            r"synonyms=x.txt: is read for the k-mer baseline only; name its run too \(model=",
        ),
        (VCF | {"output": "x.PNG"}, "output=x.PNG: is the name of the picture"),
    ],
)
def test_settings_that_cannot_be_right_are_refused(changes, message):
    with pytest.raises(SettingsError, match=message):
        settings(**changes)


def test_one_text_is_a_list_of_one_and_a_number_is_a_text():
    asked = settings(**VCF, positive="a/b", negative=[0, "x"], baselines="CADD")
    assert (asked.positives, asked.negatives, asked.baseline_fields) == (["a/b"], ["0", "x"], ["CADD"])
    assert (settings(**VCF).positives, settings(**VCF).negatives, settings(**VCF).baseline_fields) == (None, None, [])


def test_a_gpu_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SettingsError, match="no CUDA device"):
        settings(model="x", device="cuda")
    assert settings(model="x", device="auto", attention="auto").torch_device == torch.device("cpu")
