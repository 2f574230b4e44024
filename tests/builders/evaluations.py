"""Settings of an evaluation, as they are typed."""

from hydra import compose, initialize_config_dir

from genolong.commands.evaluation.evaluation_settings import EvaluationSettings
from genolong.settings import CONF, check


def evaluation_settings(*overrides: str) -> EvaluationSettings:
    with initialize_config_dir(str((CONF / "trained").resolve()), version_base="1.3"):
        return check(compose("evaluate", [*overrides]), EvaluationSettings)
