"""`train`: pretraining and variant heads, from settings to a run's folder."""
