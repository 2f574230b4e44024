"""`export`: a model to share."""
