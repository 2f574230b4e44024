"""`evaluate`: how good a model is, on held-out bases and on labelled variants."""
