"""A configuration selects and never executes; what Hydra refuses is one line that names the setting."""

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from genolong.composing import CONF, as_settings_error, guard, settings_of
from genolong.errors import InputError, SettingsError, UnsafeInputError
from genolong.harmless import entries, refuse_code


def composed(*overrides: str, folder: Path = CONF, command: str = "train"):
    guard()
    with initialize_config_dir(str(folder), version_base="1.3"):
        return compose(command, list(overrides), return_hydra_config=True)


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("+model._target_=os.system", ["model._target_=os.system", "settings may not name code"]),
        ("data.fasta={_args_: [x]}", ["data.fasta._args_"]),
        ("+hydra.callbacks.mine._target_=os.system", ["hydra.callbacks.mine"]),
        ("hydra.launcher._target_=subprocess.run", ["hydra.launcher._target_"]),
        ("++hydra.sweeper._target_=torch.hub.load", ["hydra.sweeper._target_"]),
        ("+hydra.job_logging.handlers.a.class=os.system", ["handlers.a.class"]),
        ("+hydra.job_logging.handlers.a.stream=ext://os.environ", ["handlers.a.stream", "ext://sys.stderr"]),
        ("+hydra.hydra_logging={handlers: {a: {__x: 1}}}", ["__x"]),
        ("+hydra.job.env_set.LD_PRELOAD=x.so", ["env_set.LD_PRELOAD"]),
        ("run.folder=${oc.env:HOME}", ["run.folder", "${oc.env:...}", "write the value itself"]),
        ("data.fasta=[a.fa,'x${ oc.decode:HOME}']", ["data.fasta.1", "oc.decode"]),
    ],
)
def test_what_could_run_code_is_refused_before_hydra_makes_anything(override, words):
    with pytest.raises(InputError) as caught:
        composed(override)
    assert caught.value.exit_code == 77
    assert all(word in str(caught.value) for word in words), caught.value


def test_log_handlers_made_by_a_factory_are_refused():
    with pytest.raises(UnsafeInputError, match=r"formatters.a.\(\)=os.system: settings may not name code"):
        refuse_code({"hydra": {"job_logging": {"formatters": {"a": {"()": "os.system"}}}}})


def test_a_configuration_from_elsewhere_is_guarded_too(tmp_path):
    (tmp_path / "theirs.yaml").write_text("hydra:\n  callbacks:\n    a: {_target_: os.system, command: echo}\n")
    with pytest.raises(UnsafeInputError, match=r"hydra.callbacks.a"):
        composed(folder=tmp_path, command="theirs")


@pytest.mark.parametrize(
    "entry", ["optional foo: ${oc.env:SECRET}", "model: ${oc.env:SECRET}", "{a: '${oc.env:SECRET}'}"]
)
def test_a_list_of_defaults_looks_nothing_up_either(tmp_path, monkeypatch, entry):
    monkeypatch.setenv("SECRET", "hunter2")
    (tmp_path / "theirs.yaml").write_text(f"defaults:\n  - {entry}\n  - _self_\nseed: 1\n")
    with pytest.raises(UnsafeInputError, match=r"theirs.yaml, line 2: \${oc.env:...} is not looked up") as caught:
        composed(folder=tmp_path, command="theirs")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "overrides", [[], ["hydra/job_logging=default", "hydra/hydra_logging=default"], ["model=small"]]
)
def test_what_hydra_and_we_ship_passes(overrides):
    refuse_code(OmegaConf.to_container(composed(*overrides), resolve=False))


@pytest.mark.parametrize("name", ["a/b", "../x", ".", "-rf", "", "a\\b"])
def test_a_name_that_leads_elsewhere_is_refused_before_its_folder_is_made(name):
    with pytest.raises(SettingsError, match=r"run.name=.*without / and"):
        composed(f"run.name='{name}'")


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("foo=1", "foo: no such setting"),
        ("modle.width=3", "modle.width: no such setting; did you mean model.width?"),
        ("model.widht=3", "model.widht: no such setting; did you mean model.width?"),
        ("contxt=2k", "contxt: no such setting; did you mean context?"),
        ("~data.fastas", "data.fastas: no such setting; did you mean data.fasta?"),
        ("model=huge", "model=huge: no such choice; the choices are base, large, mini, small, tiny"),
        (
            "model=smal",
            "model=smal: no such choice; the choices are base, large, mini, small, tiny; did you mean small?",
        ),
        ("+experiment=yeast", "experiment: choose it as experiment=NAME, without a +"),
        ("experiment=yest", "experiment=yest: no such choice; the choices are celegans_1m, celegans_32k, "),
        (
            "hydra/launcher=submitit_x",
            "hydra/launcher=submitit_x: no such choice; the choices are basic; run `pip install gen",
        ),
        ("genome.fa", "genome.fa: not understood; wanted name=value, like data.fasta=genome.fa"),
        ("data.fasta=[a", "data.fasta=[a: not understood as name=value"),
        (
            "data.fasta=a,b",
            "data.fasta=a,b: write a list as data.fasta=[a,b], and text with a comma in quotes, as "
            "\"data.fasta=['a,b']\" in a list or \"data.fasta='a,b'\"; to try the values one after another, add -m",
        ),
        ("+seed=3", "Could not append to config. An item is already at 'seed'"),
        ("run.name=x_${zzz}", "run.name: ${zzz}: no such setting"),
        ("run.name=${max_steps}", "run.name: ${max_steps}: no such setting; did you mean trainer.max_steps?"),
    ],
)
def test_what_hydra_refuses_is_one_line_that_names_the_setting(override, words):
    with pytest.raises(Exception) as caught:
        composed(override)
    told = as_settings_error(caught.value, CONF, "train")
    assert str(told).startswith(words)
    assert "\n" not in str(told)


def test_a_model_for_a_trained_head_is_said_to_come_from_a_run():
    with initialize_config_dir(str(CONF / "trained"), version_base="1.3"), pytest.raises(Exception) as caught:
        compose("train_variants", ["model=tiny"])
    told = str(as_settings_error(caught.value, CONF / "trained", "train_variants"))
    assert told == "model: no such setting of task=variant_effect; its model is that of init_from=RUN"


def test_entries_are_the_full_names_of_all_keys():
    assert [key for key, _ in entries({"a": {"b": [1, {"c": 2}]}})] == ["a", "a.b", "a.b.0", "a.b.1", "a.b.1.c"]
    assert {"seed", "model", "model.width"} <= set(settings_of(CONF, "train"))
    assert {"model", "data.fasta"} <= set(settings_of(CONF / "trained", "evaluate"))


def test_launchers_that_hydra_knows_by_name_pass():
    launcher = "hydra_plugins.hydra_submitit_launcher.submitit_launcher.SlurmLauncher"
    folder = "${hydra.sweep.dir}/.submitit/%j"
    refuse_code({"hydra": {"launcher": {"_target_": launcher, "submitit_folder": folder, "timeout_min": 60}}})
