"""The pages of the documentation are true: links, commands, code, settings, the tutorial."""
