"""One alarm a file: what tells that a training goes wrong, by which numbers, and what to do."""
