"""A trained model opened to be used: which one, on what it runs, and whether its windows fit."""
