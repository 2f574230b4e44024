"""The names of FASTA files that are part of contigs' names, as recorded: the choice of masked bases depends on them."""

from collections.abc import Iterable

TITLES = "fasta_titles"  # key in records and checkpoints


def renamed(then: Iterable[str], now: Iterable[str]) -> str:
    """A message that equally named contigs' FASTA files were renamed."""
    return (
        "contigs with the same name in several files are told apart by the files' names, which are "
        f"{', '.join(now)} now, and were {', '.join(then)}; restore those names (a link of that name will do)"
    )
