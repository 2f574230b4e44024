"""`export`: a model to be given away."""
