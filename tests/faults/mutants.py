"""Mutants of a file, the same ones for the same seed: bits, stretches and pieces that such a file is made of."""

import random
from collections.abc import Callable, Iterator, Sequence

ANY_FILE = (b"\0", b"\n", b"\r\n", b"\t", b" ", b"\xff", b"\xc3", b"\xef\xbb\xbf", b"-1", b"0", b"9" * 30, b"1e3", b"")


def mutants(content: bytes, pieces: Sequence[bytes], count: int, seed: int) -> Iterator[bytes]:
    """`count` mutants of a content, each by one to four changes; `pieces` are what may be put into it."""
    for number in range(count):
        chance = random.Random(f"{seed} {number}")
        mutant = content
        for _ in range(chance.choice((1, 1, 1, 2, 2, 4))):
            mutant = chance.choice(CHANGES)(mutant, (*pieces, *ANY_FILE), chance)
        yield mutant


Change = Callable[[bytes, Sequence[bytes], random.Random], bytes]


def _flip(content: bytes, _: Sequence[bytes], chance: random.Random) -> bytes:
    if not content:
        return content
    at = chance.randrange(len(content))
    return content[:at] + bytes((content[at] ^ 1 << chance.randrange(8),)) + content[at + 1 :]


def _overwrite(content: bytes, pieces: Sequence[bytes], chance: random.Random) -> bytes:
    at, piece = chance.randrange(len(content) + 1), chance.choice(pieces)
    return content[:at] + piece + content[at + len(piece) :]


def _insert(content: bytes, pieces: Sequence[bytes], chance: random.Random) -> bytes:
    at = chance.randrange(len(content) + 1)
    return content[:at] + chance.choice(pieces) * chance.choice((1, 1, 1, 2, 300)) + content[at:]


def _remove(content: bytes, _: Sequence[bytes], chance: random.Random) -> bytes:
    start, end = _stretch(content, chance)
    return content[:start] + content[end:]


def _repeat(content: bytes, _: Sequence[bytes], chance: random.Random) -> bytes:
    start, end = _stretch(content, chance)
    return content[:end] + content[start:]


def _move(content: bytes, _: Sequence[bytes], chance: random.Random) -> bytes:
    start, end = _stretch(content, chance)
    rest = content[:start] + content[end:]
    at = chance.randrange(len(rest) + 1)
    return rest[:at] + content[start:end] + rest[at:]


def _clear(content: bytes, _: Sequence[bytes], chance: random.Random) -> bytes:
    start, end = _stretch(content, chance)
    return content[:start] + bytes(end - start) + content[end:]


def _cut(content: bytes, _: Sequence[bytes], chance: random.Random) -> bytes:
    return content[: chance.randrange(len(content) + 1)]


def _append(content: bytes, pieces: Sequence[bytes], chance: random.Random) -> bytes:
    return content + chance.choice((content, chance.choice(pieces), content[: _stretch(content, chance)[1]]))


CHANGES: tuple[Change, ...] = (_flip, _flip, _overwrite, _insert, _remove, _repeat, _move, _clear, _cut, _append)


def _stretch(content: bytes, chance: random.Random) -> tuple[int, int]:
    """Mostly a short one."""
    start = chance.randrange(len(content) + 1)
    return start, min(len(content), start + chance.choice((1, 1, 2, 7, 60, len(content))))
