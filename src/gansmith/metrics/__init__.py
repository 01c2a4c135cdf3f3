"""Pure functions of feature matrices [N, D]: one distance or score a file. What made the features does not matter."""
