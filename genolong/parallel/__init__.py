"""Several processes: torch.distributed only."""
