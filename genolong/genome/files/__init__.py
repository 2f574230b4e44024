"""Files of any content: compressed, fetched, locked, and there only when they are whole."""
