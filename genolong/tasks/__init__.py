"""Where data and model meet: one LightningModule a file."""
