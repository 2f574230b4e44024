"""A text that grows beside its place, and gets its name when all of it is on the disk."""

from pathlib import Path

from genolong.genome.files.bgzf_writer import PlainOutput
from genolong.genome.files.partial_file import PartialFile


class WholeText:
    """Its name comes with `complete`; `text` takes what is written. Raises OutputError where none can be made."""

    def __init__(self, path: Path) -> None:
        self._file = PartialFile(path)
        self.text = PlainOutput(self._file)

    def end(self) -> None:
        """No more comes: all of it is on the disk, under another name."""
        self.text.flush()
        self._file.sync()

    def complete(self) -> None:
        """The file gets its name."""
        self.end()
        self._file.complete()

    def discard(self) -> None:
        """Nothing of it is wanted."""
        self._file.discard()
