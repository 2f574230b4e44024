"""Lightning's training loop, extended to repeat a validation that a signal had cut short."""

import pytorch_lightning as pl
from pytorch_lightning.loops.fit_loop import _FitLoop


class FitLoop(_FitLoop):
    """A loop that also runs when no steps are left, if the validation after the last step is still owed."""

    owes_validation = False

    @classmethod
    def of(cls, trainer: pl.Trainer) -> "FitLoop":
        """The trainer's loop, after replacing Lightning's own with it if necessary."""
        if not isinstance(trainer.fit_loop, cls):
            steps = trainer.fit_loop.epoch_loop
            trainer.fit_loop = cls(trainer, trainer.min_epochs, trainer.max_epochs)
            trainer.fit_loop.epoch_loop = steps
        return trainer.fit_loop

    @property
    def skip(self) -> bool:
        return super().skip and not self.owes_validation

    def make_up(self) -> None:
        """Runs the owed validation, as after the last step done; call it when the training starts."""
        validation = self.epoch_loop.val_loop
        validation.restarting = False
        self.trainer.validating = True
        validation.run()
        self.trainer.training = True
        self.owes_validation = False
