"""Sampling and walking through latent space."""
