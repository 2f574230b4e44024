"""Tasks, where data and model meet: training steps, metrics, optimizers, and scoring with trained models."""
