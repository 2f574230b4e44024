"""All processes must hold the same model: a training may replace its newest checkpoint between openings."""

from genolong.errors import InputError


def refuse_other_model(own: str, of_the_first: str) -> None:
    """Raises InputError if the hash of this process's weights is not that of the first process's."""
    if own != of_the_first:
        raise InputError(
            "the model's training wrote a new checkpoint while several processes opened it, and they hold different "
            "weights; run the command again, or name one checkpoint file (runs/NAME/latest/checkpoints/step-....ckpt)"
        )
