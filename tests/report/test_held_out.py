"""Held-out bases on a page: every reader by its name, the best counter marked, the model last but for the floor."""

from genolong.report.figures import BITS, NATS, Figure
from genolong.report.held_out import best_bits, held_out
from tests.builders.pages import Page


def figures(*readers: str, flank: float = 1.0) -> list[Figure]:
    found = [Figure("windows", 3.0, "windows", 17, None), Figure("best_kmer/flank", flank, "bases", 17, None)]
    for at, reader in enumerate(readers):
        found += [
            Figure(f"{reader}/loss", 1 + at / 8, NATS, 17, 0.01),
            Figure(f"{reader}/bits", 1.5 + at / 8, BITS, 17, None),
        ]
    return found


def test_readers_are_named_as_people_do():
    page = Page(held_out(figures("model", "floor", "composition", "kmer_1+1", "best_kmer")))
    rows = [text for text in page.texts if text in ("base composition", "k-mer 1+1 (best)", "model", "perfect reader")]
    assert rows[-4:] == ["base composition", "k-mer 1+1 (best)", "model", "perfect reader"]
    assert "of 3 windows" in page.text and "contexts=false" in page.text


def test_base_composition_can_be_the_best():
    assert "base composition (best)" in held_out(figures("composition", "model", flank=0.0))


def test_the_model_stands_beside_the_best_counter():
    model, kmer = best_bits(figures("model", "best_kmer"))
    assert model is not None and kmer is not None and (model.value, kmer.value) == (1.5, 1.625)
    assert best_bits([]) == (None, None)


def test_contexts_are_numbers_and_nothing_else():
    odd = [Figure(f"context/{name}/loss", 1.0, NATS, 3, None) for name in ("128", "256", "²", "9" * 5_000, "-1", "x/y")]
    more = [Figure(f"{name}/loss", 1.0, NATS, 3, None) for name in ("best_kmer", "composition")]
    page = Page(held_out([*odd, *more, *figures("model")]))
    labels = [each.attributes["aria-label"] for each in page.all("svg")]
    assert labels[1] == "Loss against context, all bases: 128 bases: 1.000; 256 bases: 1.000"


def test_a_file_without_figures_of_readers_is_told():
    assert "No reader has figures" in held_out([])
