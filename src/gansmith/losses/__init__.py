"""One adversarial loss a file. A recipe names a loss by its module."""
