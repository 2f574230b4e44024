"""`plan`: what a training would cost."""
