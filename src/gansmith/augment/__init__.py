"""Differentiable augmentation of what the discriminator sees, one kind a file."""
