"""Progress of a long job on one output file, so that the same command resumes it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from genolong.errors import InputError, LostProcessError, RefusedRecordError, SettingsError
from genolong.runs.record import write_json

FORMAT = 1
OF_INPUT = "_sha256"  # how the names of inputs' hashes end in an identity


def can_be_gone_on_with(error: BaseException | None) -> bool:
    """Whether the work done before an error is of use to the same command; not if it refused its input."""
    return not isinstance(error, InputError) or isinstance(error, (RefusedRecordError, LostProcessError))


class Journal:
    """A file `<output>.journal` next to `<output>.partial`: which job it is, and its state after the latest progress.

    `identity` is everything that determines the output (hashes of inputs and model, settings).
    """

    def __init__(self, output: Path, identity: Mapping[str, Any]) -> None:
        self.path = output.with_name(f"{output.name}.journal")
        self._identity = json.loads(json.dumps(identity))

    def state(self) -> dict[str, Any] | None:
        """The latest noted state; None if nothing was begun.

        Raises SettingsError if another job was begun, InputError if the journal cannot be read.
        """
        try:
            noted = json.loads(self.path.read_text(encoding="utf-8"))
            version, identity, state = noted["format"], dict(noted["identity"]), dict(noted["state"])
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"{self.path}: cannot be read ({type(error).__name__}: {error}); start over with resume=no"
            ) from error
        if version != FORMAT:
            raise InputError(f"{self.path}: format {version}, this version reads {FORMAT}; start over with resume=no")
        names = {**identity, **self._identity}
        if other := sorted(name for name in names if identity.get(name) != self._identity.get(name)):
            raise self._differs(other)
        return state

    def _differs(self, names: list[str]) -> InputError:
        inputs = [name.removesuffix(OF_INPUT) for name in names if name.endswith(OF_INPUT)]
        if len(inputs) == len(names):
            return InputError(
                f"{self.path}: holds an unfinished result of other inputs ({', '.join(inputs)}), or they have changed "
                "since; give the same as then to finish it, or start over with resume=no"
            )
        return SettingsError(
            f"{self.path}: holds an unfinished result of another command, which differs in {', '.join(names)}; run "
            "that command again to finish it, or start over with resume=no"
        )

    def note(self, state: Mapping[str, Any]) -> None:
        """Replaces the noted state, atomically."""
        write_json(self.path, {"format": FORMAT, "identity": self._identity, "state": dict(state)})

    def remove(self) -> None:
        """Removes the journal, when the work is complete."""
        self.path.unlink(missing_ok=True)
