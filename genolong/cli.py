"""The command line: one short function a command; alone prints to people and exits."""

import logging
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import hydra
import yaml
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException
from rich.console import Console
from rich.logging import RichHandler
from rich.progress import Progress
from rich.table import Table

from genolong.errors import InputError, SettingsError

PACKAGE = Path(__file__).parent
CONF = PACKAGE / "conf" if (PACKAGE / "conf").is_dir() else PACKAGE.parent / "conf"
USAGE = """usage: python -m genolong COMMAND [setting=value ...]

  train      teach a model the hidden bases of a genome      genolong train data.fasta=genome.fa.gz
  evaluate   how well it names them, beside baselines        genolong evaluate model=runs/train/latest

  genolong COMMAND --help      every setting, its unit and what it is now
  genolong COMMAND --cfg job   the settings as they would be used
  genolong train -m seed=1,2   one run for each value
"""
tell = logging.getLogger("genolong")
err = Console(stderr=True, highlight=False)


def train(config: DictConfig) -> None:
    """Train, then say how it went and what to type next."""
    from genolong.commands.train import train as run
    from genolong.settings import train_settings

    settings = train_settings(config)
    done = run(settings, Path(HydraConfig.get().runtime.output_dir))
    metrics = done.record["metrics"]
    latest = done.folder.parent / "latest"
    shown = latest if latest.resolve() == done.folder.resolve() else done.folder
    tell.info("read %s bases; held-out loss %.4f nats a base", f"{done.record['bases']:,}", metrics["validation/loss"])
    tell.info("the run is in %s; next: python -m genolong evaluate model=%s", done.folder, os.path.relpath(shown))


def evaluate(config: DictConfig) -> None:
    """Evaluate, and print the tables to stdout."""
    from genolong.commands.evaluate import evaluate as run
    from genolong.settings import check
    from genolong.tasks.evaluation import EvaluationSettings

    with ExitStack() as stack:
        bar = Progress(console=err, transient=True) if sys.stderr.isatty() else None
        if bar is not None:
            stack.enter_context(bar)

        def follow(what: str, bases: int) -> Callable[[int], None]:
            return (lambda _: None) if bar is None else partial(bar.advance, bar.add_task(what, total=bases))

        done = run(check(config, EvaluationSettings), follow)
    out = Console(width=None if sys.stdout.isatty() else 120)
    for table in done.tables:
        shown = Table(title=table.title, title_justify="left")
        for at, name in enumerate(table.columns):
            shown.add_column(name, justify="right" if at else "left")
        for row in table.rows:
            shown.add_row(*row)
        out.print(shown)
    tell.info("wrote %s", ", ".join(os.path.relpath(path) for path in done.files))


FOLDERS = {"train": CONF, "evaluate": CONF / "trained"}  # apart: where `model` is a path, conf/model is no group
COMMANDS = {
    name: hydra.main(version_base="1.3", config_path=str(FOLDERS[name]), config_name=name)(function)
    for name, function in (("train", train), ("evaluate", evaluate))
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs one command and exits with its code (see errors.py, after sysexits)."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if arguments[:1] in (["-sc"], ["--shell-completion"]):  # the shell asks the bare program
        return _complete(arguments)
    if not arguments or arguments[0] not in COMMANDS:
        asked = arguments[:1] in (["-h"], ["--help"])
        print(USAGE, end="", file=sys.stdout if asked else sys.stderr)
        raise SystemExit(0 if asked else 64)
    command, *rest = arguments
    if {"-h", "--help"} & set(rest):
        print(help_text(command), end="")
        raise SystemExit(0)
    sys.argv = [sys.argv[0], *rest]
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors reach us instead of being printed with a trace
    _set_up_messages()
    raise SystemExit(_run(COMMANDS[command], debug="debug=true" in rest))


def help_text(command: str) -> str:
    """The command's settings with their comments: its own file, then the file of each group that it selects."""
    main_file = (FOLDERS[command] / f"{command}.yaml").read_text()
    chosen = [entry for entry in yaml.safe_load(main_file).get("defaults", []) if isinstance(entry, dict)]
    parts = [f"genolong {command} [setting=value ...]      settings, their units, and what they are when not given\n"]
    parts.append(main_file.split("\nhydra:")[0].rstrip() + "\n")
    for entry in chosen:
        group, name = next(iter(entry.items()))
        if name and (CONF / group / f"{name}.yaml").is_file():
            others = ", ".join(sorted(path.stem for path in (CONF / group).glob("*.yaml")))
            lines = (CONF / group / f"{name}.yaml").read_text().splitlines()
            parts.append(
                "\n".join(
                    [
                        f"\n{group}={name}   (of: {others})",
                        *(f"  {group}.{line}" if line[0] not in " #" else f"  {line}" for line in lines if line),
                    ]
                )
                + "\n"
            )
    return "".join(parts)


def _run(command: Callable[[], None], *, debug: bool) -> int:
    """The exit code; a mistake of the person's is one line, whatever library noticed it."""
    try:
        command()
    except KeyboardInterrupt:
        return _fail("interrupted", 130)
    except (InputError, HydraException, OmegaConfBaseException, OSError) as error:
        if debug:
            raise
        known = error if isinstance(error, InputError) else _as_input_error(error)
        return _fail(" ".join(str(known).split()), known.exit_code)
    except Exception as error:
        if debug:
            raise
        return _fail(f"{type(error).__name__}: {error} (a mistake in genolong; debug=true shows where)", 70)
    return 0


def _as_input_error(error: Exception) -> InputError:
    if isinstance(error, OSError):
        found = InputError(f"{error.filename or 'a file'}: {error.strerror or error}")
        found.exit_code = 74
        return found
    lines = [line.strip() for line in str(error).splitlines() if "object_type" not in line and "full_key" not in line]
    return SettingsError("; ".join(line for line in lines if line))


def _fail(message: str, code: int) -> int:
    print(f"genolong: error: {message}", file=sys.stderr)
    return code


def _set_up_messages() -> None:
    handler = RichHandler(console=err, show_path=False, show_level=False, show_time=False, markup=False)
    tell.handlers, tell.propagate = [handler], False
    tell.setLevel(logging.INFO)
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    warnings.filterwarnings(
        "ignore", module="pytorch_lightning"
    )  # advice to programmers; what matters we say ourselves


def _complete(arguments: Sequence[str]) -> None:
    """Tab completion: first the command, then, through Hydra, its settings."""
    words = os.environ.get("COMP_LINE", "").split()
    command = next((word for word in words if word in COMMANDS), None)
    if any(word.startswith("query=") for word in arguments) and command is None:
        begun = words[-1] if len(words) > 1 else ""
        print(*(name for name in COMMANDS if name.startswith(begun)), sep="\n")
        return
    if command is not None:
        rest = os.environ["COMP_LINE"].split(command, 1)[1].lstrip()
        os.environ["COMP_LINE"] = f"genolong {rest}"
        os.environ["COMP_POINT"] = str(len(os.environ["COMP_LINE"]))
    sys.argv = [sys.argv[0], *arguments]
    COMMANDS[command or "train"]()
