"""Blocks that two or more networks, or losses, use."""
