"""A run's folder as training leaves it, with weights drawn at random: as good as a trained one to test what uses it."""

from dataclasses import asdict
from pathlib import Path

import torch
from hydra import compose, initialize_config_dir

from genolong.genome.fasta import Genome
from genolong.model.masked_base_model import MaskedBaseModel
from genolong.runs.checkpoint_io import RunCheckpointIO
from genolong.settings import CONF, train_settings

SMALL = ["model.width=8", "model.layers=1", "model.heads=2", "model.segment=8", "run.name=x", "data.workers=0"]


def save_run(folder: Path, fasta: Path, window_bp: int, cache: Path) -> Path:
    """The run's folder; its model has a window of `window_bp` and was trained on `fasta`."""
    asked = [*SMALL, f"context.window_bp={window_bp}", f"data.fasta={fasta}", f"data.cache={cache}"]
    with initialize_config_dir(str(CONF.resolve()), version_base="1.3"):
        settings = train_settings(compose("train", overrides=asked))
    torch.manual_seed(7)
    model = MaskedBaseModel(settings.model)
    torch.nn.init.normal_(model.head.logits.weight)
    about = {"settings": asdict(settings), "inputs_sha256": dict(Genome.open([fasta], cache).sha256)}
    checkpoint = {
        "state_dict": model.state_dict(), "global_step": 5, "loops": {}, "callbacks": {}, "optimizer_states": [],
        "lr_schedulers": [], "pytorch-lightning_version": "2.6.6",
    }  # fmt: skip
    RunCheckpointIO(about).save_checkpoint(checkpoint, folder / "checkpoints" / "last.ckpt")
    return folder
