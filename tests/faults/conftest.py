"""What tests of broken inputs share: a prediction with a tiny model, in a folder of its own."""

import pytest
from hydra import compose, initialize_config_dir

from genolong.commands.variants.predict_settings import PredictSettings
from genolong.settings import CONF, check
from tests.builders.genomes import random_letters, write_fasta
from tests.builders.saved_runs import save_run

LETTERS = random_letters(150, 1)


@pytest.fixture(scope="module")
def small_prediction(tmp_path_factory: pytest.TempPathFactory) -> PredictSettings:
    """Of in.vcf, which is to be written, on contig chr1, which has LETTERS."""
    folder = tmp_path_factory.mktemp("predict")
    run = save_run(folder / "run", write_fasta(folder, {"chr1": LETTERS}), 16, folder / "cache")
    overrides = (
        f"model={run}", f"vcf={folder / 'in.vcf'}", f"output={folder / 'out.vcf'}", "longest_allele=8", "flank=4",
        "trainer.accelerator=cpu", "distance=false", "resume=no",
    )  # fmt: skip
    with initialize_config_dir(str((CONF / "trained").resolve()), version_base="1.3"):
        return check(compose("predict", overrides=list(overrides)), PredictSettings)
