"""The commands, one folder each: from settings to a run and its files; shared modules are next to the folders."""
