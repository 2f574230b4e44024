"""Programs without their start: a process that has imported the large libraries forks for each.

That process is a program itself, because PyTorch looks for GPUs once. Each line of its input names a file for another
program's stderr and what Python would be given, `-m` or `-c` first; it answers with that program's exit code.
"""

import json
import os
import runpy
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.builders.gpu import PROJECT

Program = Callable[..., None]


class FailedProgram(Exception):
    """The exit code of a program that failed, and in the next lines what it told on its stderr."""


@contextmanager
def forked_programs(environment: Mapping[str, str], home: Path) -> Iterator[Program]:
    """Runs programs, given Python's words, until the end of the context; raises FailedProgram if one fails."""
    command, told = [sys.executable, "-m", __name__], home / "stderr"
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=environment, cwd=PROJECT, text=True, stdin=pipe, stdout=pipe) as mother:
        assert mother.stdin is not None and mother.stdout is not None
        asked, answers = mother.stdin, mother.stdout

        def run(*words: object) -> None:
            print(json.dumps([str(told), *map(str, words)]), file=asked, flush=True)
            code = answers.readline()
            if code != "0\n":
                raise FailedProgram(code + told.read_text())

        yield run
        asked.close()
        assert not mother.wait(), "it told why on its stderr"


def main() -> None:
    import pytorch_lightning  # noqa: F401

    import genolong.cli  # noqa: F401

    for line in sys.stdin:
        told, *words = json.loads(line)
        child = os.fork()
        if not child:
            become(told, *words)
            return
        _, status = os.waitpid(child, 0)
        os.write(1, b"%d\n" % os.waitstatus_to_exitcode(status))


def become(told: str, kind: str, what: str, *words: str) -> None:
    """Run a program as Python does."""
    for stream, path in enumerate((os.devnull, os.devnull, told)):
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC), stream)
    sys.argv = [kind, *words]
    if kind == "-m":
        runpy.run_module(what, run_name="__main__", alter_sys=True)
    else:
        exec(what, {"__name__": "__main__"})


if __name__ == "__main__":
    main()
