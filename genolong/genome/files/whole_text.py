"""A text file that gets its name only when all of it is on the disk; grows as NAME.partial until then."""

from pathlib import Path

from genolong.genome.files.bgzf_writer import PlainOutput
from genolong.genome.files.partial_file import PartialFile


class WholeText:
    """Write to `text`; `complete` gives the file its name. Raises OutputError if it cannot be created."""

    def __init__(self, path: Path) -> None:
        self._file = PartialFile(path)
        self.text = PlainOutput(self._file)

    @property
    def partial(self) -> Path:
        """Where the text is until it has its name."""
        return Path(self._file.name)

    def end(self) -> None:
        """Finish writing and sync, without giving the file its name."""
        self.text.flush()
        self._file.sync()

    def complete(self) -> None:
        """Finish, and give the file its name."""
        self.end()
        self._file.complete()

    def discard(self) -> None:
        """Remove the partial file."""
        self._file.discard()
