"""All readers are asked for the same bases, and each figure is what plain arithmetic gives."""

from zlib import crc32

import numpy as np
import pytest
import torch

from genolong.commands.evaluation.measuring import HeldOut, Measured, measure
from genolong.errors import InputError
from genolong.genome.coordinates import Interval
from genolong.genome.fasta import Genome
from genolong.genome.kmer_counter import fit_baselines
from genolong.genome.synthetic.files import write_synthetic_genome
from genolong.genome.synthetic.truth import Truth
from genolong.loading.masking import MaskingSettings, hide
from genolong.loading.truth import perfect_readers
from genolong.report.figures import readers_in
from tests.builders.memory_genome import MemoryGenome, random_letters
from tests.builders.trained_models import Neighbours

MASKING = MaskingSettings(share=0.2, as_mask=0.8, as_random=0.1)
MODEL = Neighbours(sure=1.5)
CONTEXTS = (32, 128, 251)


def read(held_out: HeldOut) -> Measured:
    return measure(MODEL, held_out, CONTEXTS, torch.device("cpu"))


def values(measured: Measured) -> dict[str, float]:
    return {figure.name: figure.value for figure in measured.figures}


def readers_of(measured: Measured) -> dict[str, str]:
    return readers_in({figure.name: figure for figure in measured.figures})


def hidden_bases(held_out: HeldOut) -> list[tuple[str, int, int]]:
    """(contig, start of the window, position) of all that is asked for."""
    found = []
    for window in held_out.windows:
        codes, _ = held_out.genome.read(window)
        _, hidden = hide(codes, held_out.masking, held_out.seed, crc32(window.contig.encode()), window.start)
        found += [(window.contig, window.start, window.start + int(at)) for at in np.flatnonzero(hidden)]
    return found


@pytest.fixture(scope="module")
def held_out() -> HeldOut:
    genome = MemoryGenome({"one": random_letters(4_001, 1, soft=0.4), "two": random_letters(1_009, 2, soft=0.4)})
    windows = tuple(Interval("one", start, start + 251) for start in (3_001, 3_252, 3_503))
    return HeldOut(genome, (*windows, Interval("two", 700, 951)), (Interval("one", 0, 3_001),), MASKING, 7, {})


@pytest.fixture(scope="module")
def synthetic(tmp_path_factory) -> HeldOut:
    folder = tmp_path_factory.mktemp("synthetic")
    write_synthetic_genome(folder, 20_000, seed=3, variants=7)
    genome = Genome.open([folder / "genome.fa.gz"], folder / "cache")
    windows = tuple(Interval(name, start, start + 251) for name in ("chr1", "chr3") for start in range(0, 1_757, 251))
    truth, notes = perfect_readers(genome)
    assert (list(truth), notes) == (["chr1", "chr2", "chr3", "chr4"], ())
    return HeldOut(genome, windows, (Interval("chr1", 4_000, 8_800),), MASKING, 7, truth)


def test_the_model_loses_what_arithmetic_says(held_out):
    nats = []
    for contig, start, position in hidden_bases(held_out):
        window = next(each for each in held_out.windows if (each.contig, each.start) == (contig, start))
        codes, _ = held_out.genome.read(window)
        inputs, _ = hide(codes, MASKING, 7, crc32(contig.encode()), start)
        logits = np.zeros(4)
        if position > start and inputs[position - start - 1] < 4:
            logits[inputs[position - start - 1]] = 1.5
        nats.append(np.log(np.exp(logits).sum()) - logits[codes[position - start]])
    found = values(read(held_out))
    assert found["model/loss"] == pytest.approx(np.mean(nats), rel=1e-6)
    assert found["model/bits"] == pytest.approx(np.mean(nats) / np.log(2), rel=1e-6)


def test_counters_are_asked_for_the_same_bases(held_out):
    measured = read(held_out)
    places, found = hidden_bases(held_out), values(measured)
    counters, losses = fit_baselines([held_out.genome.read(held_out.train[0])[0]], 3_001), {}
    for counter in counters:
        nats = [counter.losses(held_out.genome.codes[name], np.array([at]))[0] for name, _, at in places]
        name = f"kmer_{counter.flank}+{counter.flank}" if counter.flank else "composition"
        assert found[f"{name}/loss"] == pytest.approx(np.mean(nats))
        losses[counter.flank] = np.mean(nats)
    best = min(losses, key=losses.__getitem__)
    assert found["best_kmer/loss"] == pytest.approx(losses[best]) and found["best_kmer/flank"] == best
    assert found["model/gain_over_best_kmer"] == pytest.approx(losses[best] - found["model/loss"])


def test_the_best_counter_is_the_best_on_the_held_out_bases():
    """Where the training part holds everything twice, the longest flank loses least on it, and knows nothing else."""
    once = random_letters(2_003, 1)
    genome = MemoryGenome({"one": once + once, "two": random_letters(1_009, 2)})
    measured = read(HeldOut(genome, (Interval("two", 0, 1_009),), (Interval("one", 0, 2 * len(once)),), MASKING, 7, {}))
    found, counters = values(measured), fit_baselines([genome.codes["one"]], 2 * len(once))
    trained = [counter.losses(genome.codes["one"], np.arange(2 * len(once))).mean() for counter in counters]
    assert int(np.argmin(trained)) == len(counters) - 1 > found["best_kmer/flank"]
    assert found["best_kmer/loss"] == min(found[f"{name}/loss"] for name in readers_of(measured) if name != "model")


def test_every_loss_rests_on_the_same_number_of_bases(held_out):
    measured = read(held_out)
    assert {figure.n for figure in measured.figures if figure.name.endswith("/loss")} == {len(hidden_bases(held_out))}


def test_soft_masked_and_other_bases_make_up_all(held_out):
    figures = {figure.name: figure for figure in read(held_out).figures}
    for reader in ("model", "composition", "best_kmer", "context/32"):
        parts = [figures[f"{reader}/loss_{name}"] for name in ("unmasked", "soft_masked")]
        whole = figures[f"{reader}/loss"]
        assert sum(part.n for part in parts) == whole.n
        assert sum(part.n * part.value for part in parts) == pytest.approx(whole.n * whole.value)


def test_the_whole_window_is_the_longest_context(held_out):
    found = values(read(held_out))
    assert found["context/251/loss"] == found["model/loss"]
    assert found["context/32/loss"] != found["model/loss"]


def test_names_of_figures_are_unique_and_readers_have_theirs(synthetic):
    measured = read(synthetic)
    names = [figure.name for figure in measured.figures]
    assert len(names) == len(set(names))
    assert all(f"{reader}/loss" in names for reader in readers_of(measured))
    assert list(readers_of(measured))[-2:] == ["model", "floor"]
    assert sum(label.endswith("(best)") for label in readers_of(measured).values()) == 1


def test_planted_bases_and_slots_are_those_of_the_truth(synthetic, tmp_path_factory):
    (path,) = synthetic.genome.sha256
    folder = path.rsplit("/", 1)[0]
    truth = Truth.read(f"{folder}/truth.bed.gz", f"{folder}/floor.json")
    places = hidden_bases(synthetic)
    planted = [truth.planted(contig)[position] for contig, _, position in places]
    slots = [truth.slots(contig)[position] for contig, _, position in places]
    numbers = {figure.name: figure.n for figure in read(synthetic).figures}
    assert (numbers["model/loss_planted"], numbers["model/loss_slots"]) == (sum(planted), sum(slots))


def test_the_floor_is_the_perfect_readers_loss_in_the_same_views(synthetic):
    found = values(read(synthetic))
    for context, name in ((251, "floor/loss"), (32, "context/32/floor"), (251, "context/251/floor")):
        nats = []
        for contig, window, position in hidden_bases(synthetic):
            start = window + (position - window) // context * context
            end = min(start + context, window + 251)
            place = (np.array([number]) for number in (position, end - context, end))
            nats.append(synthetic.truth[contig].losses(*place)[0])
        assert found[name] == pytest.approx(np.mean(nats))
    assert found["floor/loss"] < found["best_kmer/loss"]


def test_without_hidden_bases_there_is_nothing_to_measure(held_out):
    unknown = MemoryGenome({"one": "N" * 502 + random_letters(1_009, 3)})
    nothing = HeldOut(unknown, (Interval("one", 0, 251),), (Interval("one", 502, 1_511),), MASKING, 7, {})
    with pytest.raises(InputError, match="none of the bases of 1 window is hidden"):
        read(nothing)
