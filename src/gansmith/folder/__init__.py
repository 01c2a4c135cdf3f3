"""The files of a run folder: how each is written safely and read back."""
