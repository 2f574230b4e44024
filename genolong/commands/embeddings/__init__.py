"""`embed`: a model's states over regions or variants."""
