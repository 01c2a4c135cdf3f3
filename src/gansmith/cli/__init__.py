"""One thin file a verb, imported only when called."""
