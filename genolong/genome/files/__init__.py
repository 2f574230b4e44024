"""Files of any content: compressing, fetching, locking, and writing them completely or not at all."""
