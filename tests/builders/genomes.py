"""Small FASTA files of every shape: line widths and ends, bgzip, contigs drawn at random."""

import struct
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from hypothesis import strategies as st

END_BLOCK = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")  # SAM specification, 4.1.2


def fasta_text(contigs: Mapping[str, str], width: int = 60, newline: str = "\n", final_newline: bool = True) -> bytes:
    """Contigs as FASTA, `width` letters a line."""
    lines = []
    for name, letters in contigs.items():
        lines += [f">{name}", *(letters[at : at + width] for at in range(0, len(letters), width))]
    return (newline.join(lines) + newline * final_newline).encode()


def bgzip(text: bytes, block: int = 65280) -> bytes:
    """What the program bgzip makes of a text, `block` bytes of it in each block."""
    return b"".join(_block(text[at : at + block]) for at in range(0, len(text), block)) + END_BLOCK


def _block(text: bytes) -> bytes:
    deflate = zlib.compressobj(wbits=-15)
    body = deflate.compress(text) + deflate.flush()
    head = b"\x1f\x8b\x08\x04\0\0\0\0\0\xff" + struct.pack("<H2sHH", 6, b"BC", 2, len(body) + 25)
    return head + body + struct.pack("<II", zlib.crc32(text), len(text))


def write_fasta(folder: Path, contigs: Mapping[str, str], name: str = "genome.fa", **shape) -> Path:
    """Write contigs to folder/name; a name that ends in .gz gets bgzip. `shape` is fasta_text's."""
    text = fasta_text(contigs, **shape)
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bgzip(text) if name.endswith(".gz") else text)
    return path


def random_letters(length: int, seed: int, alphabet: str = "ACGT") -> str:
    """Letters drawn at random."""
    chosen = np.random.default_rng(seed).integers(len(alphabet), size=length)
    return "".join(np.array(list(alphabet))[chosen])


def contigs(alphabet: str = "ACGTacgtNnRrW", most: int = 4, longest: int = 131) -> st.SearchStrategy[dict[str, str]]:
    """One or several contigs, some of them short or in one letter for a stretch, none empty."""
    letters = st.text(alphabet, min_size=1, max_size=longest)
    stretch = st.tuples(letters, st.integers(1, 3)).map(lambda pair: pair[0] * pair[1])
    names = st.from_regex(r"[A-Za-z0-9_.:|]{1,8}", fullmatch=True)
    return st.dictionaries(names, stretch, min_size=1, max_size=most)
