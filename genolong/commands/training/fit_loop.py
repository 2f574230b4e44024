"""Lightning's loop over the steps of a training, which also makes up for a validation that a signal cut short."""

import pytorch_lightning as pl
from pytorch_lightning.loops.fit_loop import _FitLoop


class FitLoop(_FitLoop):
    """A training whose last step was not validated to the end goes through this also where no step is left to do."""

    owes_validation = False

    @classmethod
    def of(cls, trainer: pl.Trainer) -> "FitLoop":
        """The loop of a trainer, put there in place of Lightning's where it is not there yet."""
        if not isinstance(trainer.fit_loop, cls):
            steps = trainer.fit_loop.epoch_loop
            trainer.fit_loop = cls(trainer, trainer.min_epochs, trainer.max_epochs)
            trainer.fit_loop.epoch_loop = steps
        return trainer.fit_loop

    @property
    def skip(self) -> bool:
        return super().skip and not self.owes_validation

    def make_up(self) -> None:
        """Validates as after the step that was done last; to be called when the training starts."""
        validation = self.epoch_loop.val_loop
        validation.restarting = False
        self.trainer.validating = True
        validation.run()
        self.trainer.training = True
        self.owes_validation = False
