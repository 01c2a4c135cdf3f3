"""Sources and codecs: one kind of data a file."""
