"""What goes wrong on purpose: mutants of every kind of file, disks that fail, models and settings from strangers."""
