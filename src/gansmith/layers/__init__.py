"""Blocks that two or more networks use."""
