"""The house holds: what lies where, imports run downstairs, the map is true, and every knob is read."""

import ast
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from genolong.commands.embeddings.embed_settings import EmbedSettings
from genolong.commands.evaluation.evaluation_settings import EvaluationSettings
from genolong.commands.maps.map_settings import MapSettings
from genolong.commands.pages.report_settings import ReportSettings
from genolong.commands.planning.plan_settings import PlanSettings
from genolong.commands.sharing.export_settings import ExportSettings
from genolong.commands.training.variant_training_settings import VariantTrainSettings
from genolong.commands.variants.predict_settings import PredictSettings
from genolong.settings import CONF, TrainSettings, known_keys, on_a_genome

PROJECT = Path(__file__).resolve().parent.parent
PACKAGE = PROJECT / "genolong"
TOP = {
    "genolong", "conf", "data", "docs", "scripts", "tests", ".ci", ".gitignore", "environment.yml", "pyproject.toml",
    "constraints.txt", "README.md", "CHANGELOG.md", "LICENSE", "CONTRIBUTING.md", "SECURITY.md", "CITATION.cff",
    "mkdocs.yml",
}  # fmt: skip
FLOORS = (
    {"closed_terminal", "counted", "errors", "kept_memory", "large_imports", "long_work", "nearest", "quoted"},
    {"genome", "parallel"},
    {"loading", "model"},
    {"tasks", "runs", "report"},
    {"harmless"},
    {"composing"},
    {"bars", "completion", "endings", "help", "messages", "settings", "silent_partner", "sweeps", "typed_words"},
    {"commands"},
    {"swept"},
    {"cli", "loaded"},  # what a person types into: a terminal, a notebook
    {"__main__"},
)
GENOME_COMMANDS = (("train", TrainSettings), ("plan", PlanSettings))  # of which conf/ holds the groups
COMMANDS = (
    ("evaluate", EvaluationSettings), ("predict", PredictSettings), ("train_variants", VariantTrainSettings),
    ("report", ReportSettings),
    ("export", ExportSettings), ("embed", EmbedSettings), ("map", MapSettings),
)  # fmt: skip
SCRIPTS = sorted(path for path in (PROJECT / "scripts").iterdir() if path.is_file())
CHOICES = sorted(f"{path.parent.name}={path.stem}" for path in CONF.glob("*/*.yaml") if path.parent.name != "trained")


def sources(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def module_of(path: Path) -> str:
    parts = path.relative_to(PROJECT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def floor_of(module: str) -> tuple[int, str]:
    """The number of a module's floor, and its room there: the first name below genolong."""
    room = module.split(".")[1]
    (floor,) = (number for number, rooms in enumerate(FLOORS) if room in rooms)
    return floor, room


def imports_of(path: Path) -> Iterator[tuple[int, str]]:
    """The line and the full name of everything that a file imports, inside functions too."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are absolute"
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def own_imports(path: Path) -> Iterator[tuple[int, str]]:
    """As imports_of, but only genolong's, as names of modules."""
    modules = {module_of(source) for source in sources(PACKAGE)}
    for line, name in imports_of(path):
        if name.split(".")[0] == "genolong":
            yield line, name if name in modules else name.rpartition(".")[0]


def test_the_top_level_holds_what_it_should_and_nothing_else():
    missing = {name for name in TOP if not (PROJECT / name).exists()}
    assert not missing
    tracked = subprocess.run(["git", "ls-files"], cwd=PROJECT, capture_output=True, text=True)
    assert {line.split("/")[0] for line in tracked.stdout.splitlines()} <= TOP, "a tracked file that no one expects"


@pytest.mark.parametrize("path", sources(PACKAGE), ids=module_of)
def test_imports_run_downstairs(path: Path):
    if module_of(path) == "genolong":  # the door of a notebook; for types alone, or when `load` is called
        known = {"os", "typing", "importlib", "genolong", "torch"}
        assert {name.partition(".")[0] for _, name in imports_of(path)} == known
        return
    floor, room = floor_of(module_of(path))
    for line, name in own_imports(path):
        other_floor, other = floor_of(name)
        assert other_floor < floor or other == room, f"{path}:{line}: {room} imports {name}, which is not below it"


def folder_of(module: str) -> str:
    """What a module lies in below genolong; modules at the top are their own."""
    parts = module.split(".")
    return module if len(parts) == 2 else ".".join(parts[:-1])


@pytest.mark.parametrize("unit", [str, folder_of], ids=["module", "folder"])
def test_nothing_imports_itself_by_a_detour(unit: Callable[[str], str]):
    below: dict[str, set[str]] = {}
    for path in sources(PACKAGE):
        module = module_of(path)
        place = module if path.name == "__init__.py" else unit(module)
        below.setdefault(place, set()).update(unit(name) for _, name in own_imports(path) if unit(name) != place)
    while below:
        free = {name for name, wanted in below.items() if not wanted & set(below)}
        assert free, f"these import each other in a circle: {sorted(below)}"
        below = {name: wanted for name, wanted in below.items() if name not in free}


@pytest.mark.parametrize(
    ("room", "unknown"),
    [("genome", {"torch", "pytorch_lightning", "torchmetrics", "hydra"}), ("model", {"pytorch_lightning", "hydra"})],
)
def test_a_wing_knows_nothing_of(room: str, unknown: set[str]):
    for path in sources(PACKAGE / room):
        for line, name in imports_of(path):
            assert name.split(".")[0] not in unknown, f"{path}:{line}: {room} imports {name}"


@pytest.mark.parametrize(
    "path", sources(PACKAGE) + sources(PROJECT / "tests"), ids=lambda path: str(path.relative_to(PROJECT))
)
def test_a_file_starts_with_its_idea_in_one_line(path: Path):
    first, *rest = (ast.get_docstring(tree_of(path)) or "").splitlines() or [""]
    assert first.endswith("."), "the first line of a file is one whole sentence"
    assert not rest or not rest[0], "a blank line follows it"
    assert path.stem not in {"utils", "util", "common", "helpers", "helper", "misc"}, "name the file after its idea"
    if path == PACKAGE / "__init__.py":  # but for what `import genolong` is for in a notebook
        made = [node.name for node in tree_of(path).body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
        assert made == ["load", "__getattr__"]
    elif path.name == "__init__.py":
        assert len(tree_of(path).body) == 1, "__init__.py holds a docstring and nothing else"


def test_importing_the_package_takes_nothing_else_along():
    code = "import sys, genolong; print(*(name for name in ('torch', 'numpy', 'hydra') if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert done.stdout == "\n"


def test_the_map_is_the_first_line_of_every_file():
    rows = ["| file | its one idea |", "|---|---|"]
    for path in sources(PACKAGE):
        if path == PACKAGE / "__init__.py":
            continue
        first = (ast.get_docstring(tree_of(path)) or "").splitlines()[0]
        place = path.relative_to(PROJECT).as_posix()
        folder = place.removesuffix("__init__.py")
        rows.append(f"| `{place}` | {first} |" if folder == place else f"| **{folder}** | *{first}* |")
    page = (PROJECT / "docs" / "map.md").read_text(encoding="utf-8")
    shown = page.partition("<!-- map -->\n")[2].partition("\n<!-- /map -->")[0]
    assert shown.splitlines() == rows, "the map in docs/map.md should read:\n" + "\n".join(rows)


def leaves(node: dict[Any, Any], prefix: str = "") -> Iterator[str]:
    for key, value in node.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"


@pytest.mark.parametrize("choice", ["seed=1", *CHOICES])
@pytest.mark.parametrize(("command", "schema"), GENOME_COMMANDS)
def test_the_knobs_in_conf_are_those_of_the_settings(command: str, schema: type, choice: str):
    if command == "train" and choice.startswith("device="):
        return
    with initialize_config_dir(str(CONF), version_base="1.3"):
        composed = compose(command, [choice])
    knobs = set(leaves(OmegaConf.to_container(composed)))  # type: ignore[arg-type]
    assert knobs - {"experiment"} == set(known_keys(schema))
    on_a_genome(composed, schema)


def test_plan_takes_the_settings_of_train():
    words = ["model=base", "context=131k", "trainer.max_steps=7"]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        train, plan = (compose(command, words) for command in ("train", "plan"))
    assert {key: value for key, value in plan.items() if key not in ("device", "json")} == train


@pytest.mark.parametrize(("command", "schema"), COMMANDS)
def test_the_knobs_of_a_command_are_those_of_its_settings(command: str, schema: type):
    with initialize_config_dir(str(CONF / "trained"), version_base="1.3"):
        composed = compose(command)
    assert set(leaves(OmegaConf.to_container(composed))) == set(known_keys(schema))  # type: ignore[arg-type]


def test_every_group_of_conf_is_one_that_train_or_plan_chooses_from():
    with initialize_config_dir(str(CONF), version_base="1.3"):
        composed = compose("plan")
    assert {choice.split("=")[0] for choice in CHOICES} <= set(composed) | {"experiment"}


def names_read(node: ast.AST) -> Iterator[str]:
    """Names of attributes that are read below a node; what only checks a setting does not read it."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef) and child.name == "__post_init__":
            continue
        if isinstance(child, ast.Attribute) and isinstance(child.ctx, ast.Load):
            yield child.attr
        yield from names_read(child)


@pytest.mark.parametrize("schema", [schema for _, schema in (*GENOME_COMMANDS, *COMMANDS)])
def test_every_knob_is_read(schema: type):
    read = {name for path in sources(PACKAGE) for name in names_read(tree_of(path))}
    if '"debug=true" in' in (PACKAGE / "cli.py").read_text(encoding="utf-8"):
        read.add("debug")  # wanted before any settings are composed
    unread = [key for key in known_keys(schema) if key.rsplit(".", 1)[-1] not in read]
    assert not unread, "no code reads these settings"


def settings_classes(schema: Any) -> Iterator[Any]:
    yield schema
    for field in fields(schema):
        if is_dataclass(field.type):
            yield from settings_classes(field.type)


@pytest.mark.parametrize("schema", [schema for _, schema in (*GENOME_COMMANDS, *COMMANDS)])
def test_settings_are_frozen_and_have_no_defaults(schema: type):
    for part in settings_classes(schema):
        assert part.__dataclass_params__.frozen
        for field in fields(part):
            assert field.default is field.default_factory is MISSING, f"{part.__name__}.{field.name} has a default"


def test_settings_select_and_never_execute():
    for path in CONF.rglob("*.yaml"):
        text = path.read_text(encoding="utf-8")
        assert "_target_" not in text and "!!python" not in text
        assert set(re.findall(r"\$\{[^}]*\}", text)) <= {
            "${run.folder}", "${run.name}", "${now:%Y-%m-%d_%H-%M-%S-%f}", "${hydra.job.num}",
        }, f"{path}: YAML computes nothing"  # fmt: skip
    for path in sources(PACKAGE):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"_target_|\binstantiate\b|register_new_resolver|(?<!\.)\b(eval|exec)\(", text), path


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_script_is_sound(path: Path):
    first = path.read_text(encoding="utf-8").splitlines()[0]
    if path.suffix == ".sh" or "bash" in first:
        subprocess.run(["bash", "-n", path], check=True)
    else:
        assert ast.get_docstring(tree_of(path))
    assert os.access(path, os.X_OK) == first.startswith("#!"), "what is run is executable and says by what"


def test_every_dependency_that_the_scripts_install_is_pinned_in_its_range():
    lines = (PROJECT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = {canonicalize_name(name): version for name, version in (line.split("==") for line in lines)}
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = [
        *project["project"]["dependencies"],
        *project["project"]["optional-dependencies"]["test"],
        *project["project"]["optional-dependencies"]["docs"],
        *project["build-system"]["requires"],
    ]
    for requirement in map(Requirement, wanted):
        assert pins[canonicalize_name(requirement.name)] in requirement.specifier, f"{requirement} in constraints.txt"


def test_the_name_of_a_test_holds_no_time():
    """A gzip that is packed while tests are named after it holds the second: no two workers agree on the name."""
    for path in sources(PROJECT / "tests"):
        for function in (node for node in ast.walk(tree_of(path)) if isinstance(node, ast.FunctionDef)):
            for call in (node for decorator in function.decorator_list for node in ast.walk(decorator)):
                if isinstance(call, ast.Call) and ast.unparse(call.func) == "gzip.compress":
                    assert "mtime" in {keyword.arg for keyword in call.keywords}, f"{path}:{call.lineno}: mtime=0"
