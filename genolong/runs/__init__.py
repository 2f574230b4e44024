"""The files of a run: checkpoints, records, logs, exported models, and what unfinished work needs to resume."""
