"""One network family a file. A recipe names a family by its module."""
