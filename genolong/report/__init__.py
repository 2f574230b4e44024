"""Pictures, tables and HTML pages of results."""
