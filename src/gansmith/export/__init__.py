"""Handing a trained generator on."""
