"""A contig is regular exactly when the formula finds every one of its bases."""

from pathlib import Path
from unittest.mock import patch

from hypothesis import example, given
from hypothesis import strategies as st

from genolong.genome.fasta_text import Header, read_text
from genolong.genome.line_shape import LineShape


def shape_of(body: bytes, size: int) -> LineShape:
    text = b">c\n" + body
    shape = LineShape()
    for part in read_text([text[at : at + size] for at in range(0, len(text), size)], Path("g.fa")):
        if not isinstance(part, Header):
            shape.add(part)
    shape.finish(last=True)
    return shape


@given(st.lists(st.sampled_from(["AC", "A", "\n", "\r\n", " ", "\t"]), min_size=1).map("".join), st.integers(1, 9))
@example("A C", 4)
@example("AC \nAC \n", 100)
@example("AC\n\nAC\n\n", 100)
def test_regular_means_that_the_formula_holds(body: str, size: int):
    body = "A" + body
    shape = shape_of(body.encode(), size)
    places = [at + 3 for at, letter in enumerate(body) if letter in "AC"]
    computed = [shape.first + i // shape.bases * shape.bytes + i % shape.bases for i in range(len(places))]
    blanks = " " in body or "\t" in body
    assert shape.regular == (computed == places and not blanks)


@given(st.integers(1, 200), st.integers(1, 30), st.sampled_from(["\n", "\r\n"]), st.integers(3, 50))
def test_equal_lines_are_regular(length: int, width: int, newline: str, size: int):
    lines = ["A" * min(width, length - at) for at in range(0, length, width)]
    shape = shape_of(newline.join(lines).encode(), size)
    assert shape.regular
    assert (shape.first, shape.bases) == (3, min(width, length))
    assert length <= width or shape.bytes == width + len(newline)


@given(
    st.lists(st.sampled_from(["ACG", "ACG\n", "AC\n", "\n", "\r\n", " "]), min_size=1).map("".join), st.integers(3, 50)
)
@example("ACG\nACG\nAC", 50)
@example("ACG\n\n", 50)
@example("ACG\nACGA\n", 50)
def test_equal_lines_are_taken_as_lines_looked_at_one_by_one(body: str, size: int):
    text = f"A{body}".encode()
    with patch.object(LineShape, "_begins_with_equal_lines", return_value=False):
        expected = shape_of(text, size)
    assert vars(shape_of(text, size)) == vars(expected)
