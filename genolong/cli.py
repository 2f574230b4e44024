"""The command line: one short function per command, and how commands start."""

import io
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial, wraps
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from genolong import swept
from genolong.bars import bars
from genolong.closed_terminal import fill_closed_streams, outliving_terminals
from genolong.completion import begun, leave_out, line_words, refuse_other_completion
from genolong.composing import FOLDERS, guard
from genolong.counted import counted
from genolong.endings import fail, reader_left, tell_error, told_of
from genolong.errors import FinishedRunError, InputError, NumericalError, SettingsError, UnsafeInputError
from genolong.genome.files.partial_file import naming, open_descriptor
from genolong.help import help_text
from genolong.large_imports import import_uncollected
from genolong.messages import err, set_up_messages, show, tell
from genolong.nearest import nearest
from genolong.parallel.interruption import held_back
from genolong.parallel.place import Place
from genolong.parallel.stopped import EXIT_CODES, Stopped
from genolong.quoted import quoted_setting
from genolong.runs.folder import remove_unbegun
from genolong.silent_partner import silent
from genolong.sweeps import refuse_shared_places
from genolong.typed_words import understood

if TYPE_CHECKING:  # at run time each is imported for its command alone
    from genolong.commands.embeddings.embed_settings import EmbedSettings
    from genolong.commands.evaluation.evaluation_settings import EvaluationSettings
    from genolong.commands.maps.map_settings import MapSettings
    from genolong.commands.pages.report_settings import ReportSettings
    from genolong.commands.planning.plan_settings import PlanSettings
    from genolong.commands.repeating.reproduce_settings import ReproduceSettings
    from genolong.commands.sharing.export_settings import ExportSettings
    from genolong.commands.training.variant_training_settings import VariantTrainSettings
    from genolong.commands.variants.predict_settings import PredictSettings
    from genolong.settings import TrainSettings

USAGE = """usage: python -m genolong COMMAND [setting=value ...]

  train      train a model to predict a genome's hidden bases  genolong train data.fasta=genome.fa.gz
             or a head that separates labelled variants        genolong train task=variant_effect init_from=RUN ...
  evaluate   how well it predicts them, against baselines      genolong evaluate model=runs/train/latest
             or how well scores separate labelled variants     genolong evaluate vcf=scored.vcf.gz label=CLNSIG ...
  predict    scores for the variants of a VCF                  genolong predict model=RUN vcf=in.vcf.gz output=o.vcf.gz
  embed      the model's states over regions or variants       genolong embed model=RUN regions=x.bed output=x.parquet
  map        every substitution of a region, with pictures     genolong map model=RUN region=chr1:1,001-1,500 output=x
  export     the model as a folder to share                    genolong export run=runs/train/latest output=FOLDER
  reproduce  repeat a result and compare it                    genolong reproduce run=runs/train/latest
  report     a training or an evaluation as an HTML page       genolong report run=runs/train/latest
             or all trainings in a folder, compared            genolong report run=runs/train
  plan       what a training would cost, per device            genolong plan model=base context=1m trainer.devices=8 ...

  genolong COMMAND --help      examples and the main settings
  genolong COMMAND --help all  every setting, its unit and its value
  genolong COMMAND --cfg job   the resulting settings, as YAML
  genolong train -m seed=1,2   one run for each value
  genolong train experiment=yeast    a recipe from conf/experiment (docs/recipes.md)
  genolong --version
"""


def train(settings: "TrainSettings") -> None:
    """Trains a model, then prints how it went and the next command."""
    from genolong.commands.pages.left_page import leave_report
    from genolong.commands.training.train import train as run

    done = run(settings, Path(HydraConfig.get().runtime.output_dir))
    metrics = done.record["metrics"]
    tell.info("read %s bases; held-out loss %.4f nats a base", f"{done.record['bases']:,}", metrics["validation/loss"])
    leave_report(done.folder)
    model = _as_model(done.folder, Path(settings.run.folder, settings.run.name))
    tell.info("the run is in %s; next: python -m genolong evaluate %s", done.folder, model)


def train_variants(settings: "VariantTrainSettings") -> None:
    """Trains a variant head, then prints how well it separates held-out alleles."""
    from genolong.commands.pages.left_page import leave_report
    from genolong.commands.training.train_variants import train_variants as run

    done = run(settings, Path(HydraConfig.get().runtime.output_dir))
    found = {name.removeprefix("validation/"): value for name, value in done.record["metrics"].items()}
    tell.info(
        "held-out alleles: AUROC %.3f, AUPRC %.3f, calibration error %.3f (%.3f before calibration)",
        found["auroc"], found["auprc"], found["calibration_error"], found["calibration_error_before"],
    )  # fmt: skip
    tell.info(
        "the LLR alone, which needs no labels: AUROC %.3f, AUPRC %.3f",
        done.record["zero_shot"]["auroc"], done.record["zero_shot"]["auprc"],
    )  # fmt: skip
    leave_report(done.folder)
    model = _as_model(done.folder, Path(settings.run.folder, settings.run.name))
    tell.info("the run is in %s; next: python -m genolong predict %s vcf=IN output=OUT", done.folder, model)


def _as_model(folder: Path, runs: Path) -> str:
    """How other commands are given this run: its folder or, shorter, the link to the newest run in `runs`.

    In a sweep, the link will soon lead to another run.
    """
    latest = runs / "latest"
    is_latest = latest.resolve() == folder.resolve() and HydraConfig.get().mode is not RunMode.MULTIRUN
    return quoted_setting("model", os.path.relpath(latest if is_latest else folder))


def evaluate(settings: "EvaluationSettings") -> None:
    """Evaluates a model or scores, and prints the tables to stdout."""
    from genolong.commands.evaluation.evaluate import evaluate as read_bases
    from genolong.commands.evaluation.evaluate_variants import evaluate_variants
    from genolong.commands.evaluation.own_figures import are_of_training
    from genolong.commands.pages.left_page import leave_report

    if Place.joined():
        raise SettingsError("evaluate: runs in a single process; start it without torchrun or srun")
    run = read_bases if settings.vcf is None else evaluate_variants
    done = run(settings)
    for table in done.tables:
        show(table)
    tell.info("wrote %s", ", ".join(os.path.relpath(path) for path in done.files))
    figures = done.files[0]
    if settings.vcf != "-":  # a VCF from a pipe cannot be read again
        leave_report(figures.parent if are_of_training(figures) else figures)


def predict(settings: "PredictSettings") -> None:
    """Scores variants, and prints what became of the alleles; fails if none is scored, and some are mistaken."""
    from genolong.commands.variants.predict import predict as run
    from genolong.commands.variants.predict_progress import PredictProgress

    done = run(settings, PredictProgress(err))
    if done is None:  # only the first process reports
        return
    for line in (*done.notes, *done.tally.lines()):
        tell.info(line)
    if done.tally.mistaken and not done.tally.scored:
        raise InputError(f"no allele could be scored; all records are in {done.output}, with the reason for each")
    if open_descriptor(done.output) is None:
        tell.info("wrote %s", done.output)


def embed(settings: "EmbedSettings") -> None:
    """Embeds regions or alleles, and prints what became of them."""
    from genolong.commands.embeddings.embed import embed as run

    done = run(settings)
    if done is None:  # only the first process reports
        return
    for line in done.notes:
        tell.info(line)
    tell.info("wrote %s: %s", done.output, counted(done.rows, "row"))


def map(settings: "MapSettings") -> None:
    """Maps regions, and prints notes on their bases and the files written."""
    from genolong.commands.maps.map import map_regions

    done = map_regions(settings)
    if done is None:  # only the first process reports
        return
    for line in done.notes:
        tell.info(line)
    tell.info("wrote %s", ", ".join(os.path.relpath(path) for path in done.files))


def export(settings: "ExportSettings") -> None:
    """Exports a model, and prints where it is."""
    from genolong.commands.sharing.export import export as run

    if Place.joined():
        raise SettingsError("export: runs in a single process; start it without torchrun or srun")
    done = run(settings)
    for note in done.notes:
        tell.info(note)
    tell.info("the model is in %s; next: genolong.load(%r)", done.folder, str(done.folder))


def reproduce(settings: "ReproduceSettings") -> None:
    """Repeats a result, and prints to stdout whether it is the same; fails if a difference has no explanation."""
    from genolong.commands.repeating.reproduce import reproduce as run
    from genolong.commands.variants.predict_progress import PredictProgress

    folder = Path(HydraConfig.get().runtime.output_dir)
    done = run(settings, folder, PredictProgress(err))
    if done is None:  # only the first process reports
        return
    if not done.explained:
        raise NumericalError(done.verdict)
    print(done.verdict)
    tell.info("the result is in %s", folder)


def report(settings: "ReportSettings") -> None:
    """Writes the page of a training, of several or of an evaluation, and prints its path."""
    from genolong.commands.pages.report import report as run

    tell.info("wrote %s", os.path.relpath(run(settings)))


def plan(settings: "PlanSettings") -> None:
    """Estimates what a training would cost, and prints it to stdout."""
    from genolong.commands.planning.plan import notes, table
    from genolong.commands.planning.plan import plan as run

    made = run(settings)
    show(table(made))
    for line in notes(made):
        tell.info(line)
    if settings.json is not None:
        tell.info("wrote %s", settings.json)


def _one_line(
    command: Callable[[Any], None], module: str, checked: Callable[[DictConfig], Any]
) -> Callable[[DictConfig], None]:
    """Wraps a command so that it fails with one line and its exit code, before Hydra reports the error its own way.

    Its settings are checked before its module is imported, which takes seconds. Signals to stop wait meanwhile:
    PyTorch's libraries would end the process uncleanly, or ignore them.
    """

    @wraps(command)
    def run(config: DictConfig) -> None:
        elsewhere = not tell.handlers  # submitit runs jobs in another process, and passes back what they raise
        if elsewhere:
            set_up_messages()
        try:
            swept.tell_run()
            with held_back(*EXIT_CODES):
                settings = checked(config)
                import_uncollected(f"genolong.commands.{module}")
            with bars(err):
                command(settings)
            swept.note_run()
        except Stopped as stopped:
            _tell_stopped(stopped, command.__name__, config)
            raise
        except BrokenPipeError:
            reader_left()
        except FinishedRunError as finished:
            tell.info("%s", finished)
            swept.note_run()
        except Exception as error:
            if config.get("debug"):
                raise
            job = HydraConfig.get()
            if job.output_subdir:
                remove_unbegun(Path(job.runtime.output_dir))
            if elsewhere:
                raise
            _fail(error, command.__name__)

    return run


def _checked(schema: str, config: DictConfig) -> Any:
    """The settings as a dataclass, given its module and name; the genome of a training is there."""
    from genolong.genome.files.pinned_file import refuse_missing
    from genolong.settings import TrainSettings, check, on_a_genome

    module, _, name = f"genolong.{schema}".rpartition(".")
    import_uncollected(module)
    wanted = getattr(sys.modules[module], name)
    settings = (on_a_genome if issubclass(wanted, TrainSettings) else check)(config, wanted)
    for path in settings.data.paths if wanted is TrainSettings else ():
        refuse_missing(Path(path).expanduser())
    return settings


def _tell_stopped(stopped: Stopped, command: str, config: DictConfig) -> None:
    from genolong.commands.same_work import is_file

    job = HydraConfig.get()
    of_sweep = job.mode is RunMode.MULTIRUN
    timed = "${now:" in str(OmegaConf.to_container(job.sweep if of_sweep else job.run))
    folder = Path(job.runtime.output_dir)
    if job.output_subdir:
        remove_unbegun(folder)
    stopped.told = True
    known = str(folder) if timed and folder.is_dir() else None
    piped = not all(is_file(str(path)) for name in ("vcf", "output") if (path := config.get(name)) is not None)
    tell.info(f"genolong: {told_of(stopped, known, command, swept=of_sweep, piped=piped)}")


def _fail(error: Exception, command: str) -> None:
    """Exits; or returns in a sweep, whose other runs go on, except if processes would have to agree on what failed."""
    if HydraConfig.get().mode is not RunMode.MULTIRUN:
        fail(error, command)
    code = tell_error(error, command)
    swept.note_failure(code)
    if Place.joined():
        swept.tell_failures()
        raise SystemExit(code) from None


COMMANDS = {
    name: hydra.main(version_base="1.3", config_path=str(FOLDERS[name]), config_name=name)(
        _one_line(function, module, partial(_checked, schema))
    )
    for name, function, module, schema in (
        ("train", train, "training.train", "settings.TrainSettings"),
        ("train_variants", train_variants, "training.train_variants",
         "commands.training.variant_training_settings.VariantTrainSettings"),
        ("evaluate", evaluate, "evaluation.evaluate_variants",
         "commands.evaluation.evaluation_settings.EvaluationSettings"),
        ("predict", predict, "variants.predict", "commands.variants.predict_settings.PredictSettings"),
        ("embed", embed, "embeddings.embed", "commands.embeddings.embed_settings.EmbedSettings"),
        ("map", map, "maps.map", "commands.maps.map_settings.MapSettings"),
        ("export", export, "sharing.export", "commands.sharing.export_settings.ExportSettings"),
        ("reproduce", reproduce, "repeating.reproduce", "commands.repeating.reproduce_settings.ReproduceSettings"),
        ("report", report, "pages.report", "commands.pages.report_settings.ReportSettings"),
        ("plan", plan, "planning.plan", "commands.planning.plan_settings.PlanSettings"),
    )
}  # fmt: skip


def _of_task(command: str, arguments: Sequence[str]) -> str:
    """The command, or train_variants if train was given the variant task or one of its recipes (experiment=)."""
    recipes = (argument.partition("=")[2] for argument in arguments if argument.startswith("experiment="))
    of_variants = "task=variant_effect" in arguments or any(
        (FOLDERS["train_variants"] / "experiment" / f"{name}.yaml").is_file() for name in recipes
    )
    return "train_variants" if command == "train" and of_variants else command


@outliving_terminals()
def main(arguments: Sequence[str] | None = None) -> None:
    """Runs one command and exits with its code (see errors.py, after sysexits)."""
    fill_closed_streams()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal of ASCII shows ? for ±
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    command, *rest = arguments or [""]
    command = "--version" if "--version" in rest else _of_task(command, rest)  # not Hydra's version
    rest = understood(rest, texts=["region"] if command == "map" else [])
    try:
        code = _run(command, rest) if command in COMMANDS else _about(command, rest)
        with naming("standard output"):
            sys.stdout.flush()
        raise SystemExit(code)
    except Stopped:
        raise
    except SystemExit as ending:
        raise SystemExit(64 if ending.code == 1 else ending.code) from None  # 1: Hydra knows no such --package
    except KeyboardInterrupt:
        print("genolong: interrupted", file=sys.stderr)
        raise SystemExit(130) from None
    except BrokenPipeError:
        reader_left()
    except Exception as error:
        if "debug=true" in rest:
            raise
        fail(error, command)


def _about(command: str, rest: list[str]) -> int:
    """Prints version, help, completions or an error when no command is to be run; returns the exit code."""
    if command in ("-V", "--version"):
        print(f"genolong {version('genolong')}")
        return 0
    if command in ("-h", "--help"):
        print(USAGE, end="")
        return 0
    if command in ("-sc", "--shell-completion"):  # as the shell calls the program
        _complete(rest)
        return 0
    if command:
        print(f"genolong: error: {command}: no such command{nearest(command, list(COMMANDS))}", file=sys.stderr)
    print(USAGE, end="", file=sys.stderr)
    return 64


def _run(command: str, arguments: list[str]) -> int:
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors reach us, instead of being printed with a traceback
    set_up_messages()
    guard()
    parser = get_args_parser()
    parser.error = _refuse  # type: ignore[method-assign]
    options, unknown = parser.parse_known_intermixed_args(arguments)
    if unknown:
        raise SettingsError(f"{unknown[0]}: no such option; settings are given as name=value")
    if options.experimental_rerun:
        raise UnsafeInputError("--experimental-rerun: would run whatever that file holds; give the settings instead")
    if options.multirun or "hydra.mode=MULTIRUN" in options.overrides:
        refuse_shared_places(options.overrides)
    if options.multirun and (options.cfg or options.info):
        raise SettingsError("--cfg and --info are about one run, and -m starts several; leave out one of them")
    if options.shell_completion:
        refuse_other_completion(options.overrides)
    place = Place.joined()
    with silent(err) if place and place.rank else nullcontext([]) as more:
        if options.help:
            with naming("standard output"):
                print(help_text(FOLDERS[command], command, options.overrides), end="")
        else:
            where = ["--config-path", os.path.abspath(options.config_path)] if options.config_path else []
            switches = [word for word in arguments if word not in options.overrides]  # Hydra wants options together
            # Hydra takes a relative --config-path as relative to the caller's source file
            sys.argv = [sys.argv[0], *options.overrides, *more, *switches, *where]
            swept.begin()
            COMMANDS[command]()
            if command in ("train", "train_variants"):
                swept.tell_results()
            return swept.tell_failures()
    return 0


def _refuse(message: str) -> NoReturn:
    raise SettingsError(f"{message.removeprefix('argument ')}; --help shows how commands are typed")


def _complete(asked: Sequence[str]) -> None:
    refuse_other_completion(asked)
    words = line_words()
    command = next((word for word in words if word in COMMANDS), None)
    if command is None and asked[0].startswith("query="):
        print(*begun(name for name in COMMANDS if name != "train_variants"), sep="\n")
        return
    if command is not None:
        leave_out(command)
    sys.argv = [sys.argv[0], "--shell-completion", *asked]
    COMMANDS[_of_task(command or "train", words)]()
