"""How many windows a model reads at once if nobody says: as many as fit into a batch of bases."""

BATCH_BP = 1 << 15  # bases per batch; a longer window is a batch of its own


def batch_of(window_bp: int) -> int:
    """The number of windows of this length per batch."""
    return max(1, BATCH_BP // window_bp)
