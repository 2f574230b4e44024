"""A checked FASTA file: its index and, if needed, a cleaned copy, cached by the hash of the content."""

import hashlib
import io
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from io import BufferedIOBase
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from genolong.counted import counted
from genolong.errors import InputError
from genolong.genome.fasta_index import FastaIndex, build_index
from genolong.genome.fasta_text import Header, Letters, read_text
from genolong.genome.files.bgzf import MAGIC, BlockedText
from genolong.genome.files.cache_folder import CacheFolder
from genolong.genome.files.pinned_file import PinnedFile
from genolong.long_work import follow

_FORMAT = b"genolong FASTA index 1 "  # raise the number when the same file would get a different index
_ARRAYS = ("lengths", "places", "run_starts", "run_ends", "first_run")
_CHUNK = 1 << 22


@dataclass(frozen=True)
class CheckedFasta:
    """A FASTA file ready to read: `reading` is the file itself, or a cleaned copy if `why_copied` gives a reason."""

    source: PinnedFile
    reading: PinnedFile
    index: FastaIndex
    blocks: Int64[np.ndarray, "blocks 2"]  # start of each bgzip block, in the file and in its text; empty if plain
    why_copied: str

    @property
    def notes(self) -> tuple[str, ...]:
        """What was skipped or replaced, and what may surprise the user."""
        path, index = self.source.path, self.index
        notes = []
        if index.ambiguous:
            letters = ", ".join(f"{letter} {count:,}" for letter, count in index.ambiguous.items())
            number = sum(index.ambiguous.values())
            are = "is" if number == 1 else "are"
            notes.append(f"{path}: {counted(number, 'ambiguous letter')} {are} read as N ({letters})")
        if index.has_lower and not index.has_upper:
            notes.append(f"{path}: every base is lower case, so case is not treated as a repeat mask")
        if index.empty:
            named = ", ".join(index.empty[:3]) + (" …" if len(index.empty) > 3 else "")
            notes.append(f"{path}: contigs without a base are skipped: {len(index.empty):,} ({named})")
        if self.why_copied:
            notes.append(f"{path}: {self.why_copied}, so a cleaned copy is read: {self.reading.path}")
        return tuple(notes)


def open_checked(path: Path, cache: CacheFolder) -> CheckedFasta:
    """Hash the file, and read all of it unless its content is in the cache; raises InputError if it is not DNA.

    An index next to the file (.fai, .gzi) is never used, because it could be wrong.
    """
    source = PinnedFile.pin(path)
    return _load(source, cache) or _check(source, cache)


def _check(source: PinnedFile, cache: CacheFolder) -> CheckedFasta:
    reading = source
    with source.path.open("rb") as file:
        source.verify(file.fileno())
        chunks = _text_chunks(file, source.path)
        index = build_index(_told(chunks, file, f"indexing {source.path.name}"), source.path)
        why_copied = _why_not_read_itself(source.path, index, chunks)
        if why_copied:
            copied = _told(_text_chunks(file, source.path), file, f"cleaning {source.path.name}")
            text = read_text(copied, source.path)
            reading = PinnedFile.pin(cache.write(_copy_name(source), lambda copy: _write_clean(text, copy)))
        source.verify(file.fileno())
    if why_copied:
        with reading.path.open("rb") as copy:
            index = replace(index, places=build_index(_text_chunks(copy, reading.path), reading.path).places)
    blocks = chunks.starts if isinstance(chunks, BlockedText) and not why_copied else []
    checked = CheckedFasta(source, reading, index, np.array(blocks, dtype=np.int64).reshape(-1, 2), why_copied)
    cache.write(_index_name(source), lambda file: _save(checked, file))
    return checked


def _text_chunks(file: BufferedIOBase, path: Path) -> Iterable[bytes]:
    file.seek(0)
    bgzip = file.read(len(MAGIC)) == MAGIC
    file.seek(0)
    return BlockedText(file, path) if bgzip else iter(lambda: file.read(_CHUNK), b"")


def _told(chunks: Iterable[bytes], file: BufferedIOBase, what: str) -> Iterator[bytes]:
    """The same chunks, with the progress through the file reported."""
    size = os.fstat(file.fileno()).st_size
    advance, done = follow(what, size), 0
    for chunk in chunks:
        yield chunk
        at = file.tell()
        advance(at - done)
        done = at
    advance(size - done)


def _why_not_read_itself(path: Path, index: FastaIndex, chunks: Iterable[bytes]) -> str:
    """The reason why pyfaidx would misread this file; empty if it would not."""
    name = path.name.lower()
    if index.irregular:
        first, *others = index.irregular
        return f"lines of contig {first}{f' and {len(others):,} more' if others else ''} are not all alike"
    if name.endswith((".gz", ".bgz")) != isinstance(chunks, BlockedText) or name.endswith((".bz2", ".zip")):
        return "its name does not say how it is compressed"  # pyfaidx tells compression by the name
    if isinstance(chunks, BlockedText) and chunks.longest_block > 65535:
        return "its bgzip blocks are full to the last byte"  # pyfaidx seeks to a block's end with a 16-bit offset
    return ""


def _write_clean(text: Iterable[Header | Letters], copy: BufferedIOBase) -> None:
    """Write the contigs that have bases, each on one line."""
    header = ""
    for part in text:
        if isinstance(part, Header):
            header = f">{part.name}\n"
        elif part.letters:
            if header:
                copy.write(("\n" if copy.tell() else "").encode() + header.encode())
                header = ""
            copy.write(part.letters)
    copy.write(b"\n")


def _index_name(source: PinnedFile) -> str:
    return f"{source.sha256}.index"


def _copy_name(source: PinnedFile) -> str:
    return f"{source.sha256}.fa"


def _save(checked: CheckedFasta, file: BufferedIOBase) -> None:
    """Write one line with the format and the sha256 of the rest, then an .npz whose `facts` are JSON."""
    index = asdict(checked.index)
    facts = {name: value for name, value in index.items() if name not in _ARRAYS}
    facts |= {"sha256": checked.source.sha256, "why_copied": checked.why_copied, "read": checked.reading.sha256}
    held = io.BytesIO()
    np.savez(
        held,
        allow_pickle=False,
        facts=np.frombuffer(json.dumps(facts).encode(), dtype=np.uint8),
        blocks=checked.blocks,
        **{name: index[name] for name in _ARRAYS},
    )
    file.write(_FORMAT + hashlib.sha256(held.getbuffer()).hexdigest().encode() + b"\n" + held.getvalue())


def _load(source: PinnedFile, cache: CacheFolder) -> CheckedFasta | None:
    """The cached index of this content; None if it is missing, damaged or of another version."""
    try:
        head, _, held = cache.path(_index_name(source)).read_bytes().partition(b"\n")
    except OSError:
        return None
    if head != _FORMAT + hashlib.sha256(held).hexdigest().encode():
        return None
    with np.load(io.BytesIO(held), allow_pickle=False) as arrays:
        facts = json.loads(arrays["facts"].tobytes())
        columns = {name: arrays[name] for name in _ARRAYS}
        blocks = arrays["blocks"]
    read_sha256, why_copied = facts.pop("read"), facts.pop("why_copied")
    if facts.pop("sha256") != source.sha256:
        return None
    try:
        reading = PinnedFile.pin(cache.path(_copy_name(source))) if why_copied else source
    except InputError:
        return None
    if reading.sha256 != read_sha256:
        return None
    names = {name: tuple(facts.pop(name)) for name in ("names", "irregular", "empty")}
    return CheckedFasta(source, reading, FastaIndex(**columns, **names, **facts), blocks, why_copied)
