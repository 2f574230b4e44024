"""The rules: chances that sum to one, strands that mirror each other, as many motifs and slots as promised."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genolong.genome.synthetic.chance import Chance
from genolong.genome.synthetic.files import GRAMMAR
from genolong.genome.synthetic.grammar import MINUS, PLUS, Grammar, draw_grammar

grammars = st.integers(0, 10**9).map(lambda seed: draw_grammar(GRAMMAR, Chance(seed)))


@settings(max_examples=20, deadline=None)
@given(grammar=grammars)
def test_chances_sum_to_one(grammar):
    rows, _ = grammar.columns()
    np.testing.assert_allclose(rows.sum(-1), 1, atol=1e-12)
    np.testing.assert_allclose(grammar.background.sum(-1), 1, atol=1e-12)
    assert grammar.background.min() > 0
    assert rows.min() > 0


@settings(max_examples=20, deadline=None)
@given(grammar=grammars)
def test_the_minus_strand_mirrors_the_plus_strand(grammar):
    rows, first = grammar.columns()
    for index, motif in enumerate(grammar.motifs):
        size = len(motif.letters)
        plus = rows[first[index, PLUS] :][:size]
        minus = rows[first[index, MINUS] :][:size]
        np.testing.assert_array_equal(minus, plus[::-1, :, ::-1])  # 3 - code complements a letter
        np.testing.assert_allclose(plus.mean(1), motif.letters, atol=1e-12)


@settings(max_examples=20, deadline=None)
@given(grammar=grammars)
def test_slots_vote_for_the_type_and_nothing_else_does(grammar):
    rows, first = grammar.columns()
    depends = grammar.is_slot()
    slots = [first[index, PLUS] + at for index, motif in enumerate(grammar.motifs) for at in motif.slots]
    assert depends.sum() == 2 * len(slots) == 2 * GRAMMAR.voting_motifs * GRAMMAR.slots
    assert depends[slots].all()
    for row in rows[slots]:
        favoured = row.argmax(1)
        assert sorted(favoured) == list(range(grammar.types))
        np.testing.assert_allclose(row.max(1), grammar.vote)


@settings(max_examples=20, deadline=None)
@given(grammar=grammars)
def test_background_reads_alike_on_both_strands(grammar):
    follows = grammar.background[:4, :4]
    pairs = np.full((4, 4), 1 / 16)
    for _ in range(200):
        pairs = np.einsum("ab,abc->bc", pairs, follows)
    triples = pairs[:, :, None] * follows
    np.testing.assert_allclose(triples, np.flip(triples).transpose(), atol=4e-6)
    np.testing.assert_allclose(grammar.background[4, 4], triples.sum((0, 1)), atol=4e-6)
    first = triples.sum(2) / triples.sum((1, 2))[:, None]
    np.testing.assert_allclose(grammar.background[4, :4], first, atol=4e-6)
    entropy = -(triples * np.log(follows)).sum()
    assert 1.28 < entropy < 1.38  # nats: mild, as in real genomes


def test_the_demo_has_motifs_enough_in_one_ring_of_partners():
    grammar = draw_grammar(GRAMMAR, Chance(1))
    assert len(grammar.motifs) >= 12
    assert len({motif.name for motif in grammar.motifs}) == len(grammar.motifs)
    partners = [motif.partner for motif in grammar.motifs if motif.partner is not None]
    at, seen = 0, []
    for _ in partners:
        seen.append(at)
        at = partners[at]
    assert sorted(seen) == list(range(GRAMMAR.paired_motifs))
    assert at == 0


@settings(max_examples=10, deadline=None)
@given(grammar=grammars)
def test_rules_survive_json(grammar):
    again = Grammar.from_json(json.loads(json.dumps(grammar.as_json())))
    np.testing.assert_array_equal(again.columns()[0], grammar.columns()[0])
    np.testing.assert_array_equal(again.background, grammar.background)
    assert again.as_json() == grammar.as_json()


def test_an_unknown_rule_is_refused():
    rules = draw_grammar(GRAMMAR, Chance(1)).as_json()
    with pytest.raises(TypeError, match="surprise"):
        Grammar.from_json(rules | {"surprise": 1})
