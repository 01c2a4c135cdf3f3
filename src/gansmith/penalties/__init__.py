"""One penalty a file. A recipe names a penalty by its module."""
