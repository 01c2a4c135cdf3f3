"""The recipe `auto`: what to train with, chosen by what the data is, each choice with its reason.

Always the same game: relativistic pairing with R1 and R2 on networks without normalisation (Huang et al. 2024, R3GAN,
arXiv 2501.05441), which does not collapse. What changes with the data is the kind of networks (dense layers for points
in the plane, residual or light ones for photographs), how wide they are, how strong the penalties are and whether
pictures are mirrored. The numbers come from trainings on two CPU cores.
"""

from __future__ import annotations

from typing import Any

from gansmith.contracts import Survey

SUMMARY = "Chosen by your data: relativistic pairing with R1 and R2, sized for the resolution"
PAPER = "Huang et al. 2024, The GAN is dead; long live the GAN!, arXiv 2501.05441"
FEW = 5_000  # samples under which pictures are mirrored
FLAT = 0.25  # share of values at an end of the range from which a tanh is likely to saturate for good


def choose(survey: Survey, resolution: tuple[int, int], channels: int) -> tuple[dict[str, Any], list[str]]:
    """A recipe's table (without its [data] place) for data like this, and the reasons, one sentence each."""
    side = max(resolution)
    flat = survey.flat > FLAT
    architecture, reason = _networks(side, channels, flat)
    reasons = [f"{reason} ({resolution[1]}x{resolution[0]})"]
    gamma = _gamma(side, channels)
    reasons.append(f"relativistic loss with R1 and R2, gamma {gamma:g} falling to {gamma / 10:g}: keeps every mode")
    if architecture["name"] == "dcgan":
        # measured: on plain backgrounds a tanh saturates and the generator dies; on photographs an unbounded output
        # and twice the rate let the scores explode now and then (docs/decisions/0007-auto.md)
        architecture["output"] = "linear" if flat else "tanh"
        reasons.append(
            f"{architecture['output']} output: {survey.flat:.0%} of the values lie at an end of the range"
            + (" (plain backgrounds), where a tanh would stick" if flat else "")
        )
    mirror = survey.count < FEW and channels > 1 and side > 32
    if mirror:
        reasons.append(
            f"mirrored pictures: {survey.count:,} are few (--set data.mirror=false if left and right matter)"
        )
    rate = 2e-3 if flat and channels == 1 else 1e-3
    reasons.append(f"learning rate {rate:g} falling to 0.0001, without momentum")
    falling = {"start": gamma, "end": gamma / 10, "shape": "cosine"}
    table = {
        "name": "auto",
        "summary": SUMMARY,
        "paper": PAPER,
        "data": {"name": "images", "mirror": mirror},
        "architecture": architecture,
        "loss": {"name": "relativistic"},
        "penalty": [{"name": "r1", "weight": falling}, {"name": "r2", "weight": falling}],
        "optimizer": {
            "name": "adam",
            "lr": {"start": rate, "end": 1e-4, "shape": "cosine"},
            "betas": [0.0, 0.99],
        },
        "average": {"half_life_samples": 20_000},
        "train": {"batch": 32, "samples": 1_000_000},
    }
    return table, reasons


def _networks(side: int, channels: int, flat: bool) -> tuple[dict[str, Any], str]:
    """The [architecture] table that reached the lowest Frechet distance in the same time, and why it is taken."""
    common = {"max_width": 256, "latent": 64}
    if side > 48:
        light = {"name": "fastgan", "width": 8 if side <= 96 else 4, "norm": "none", "output": "linear"}
        return light | common, "fastgan without normalisation: fine pictures from few channels"
    if channels > 1 and side > 16 and not flat:
        residual = {"name": "r3gan", "width": 32, "blocks": 1, "expansion": 1, "group_size": 0, "resample": "strided"}
        return residual | common, "r3gan with strides instead of resampling: photographs gain from residual blocks"
    width = 64 if side <= 16 else 24 if channels == 1 else 32
    plain = {
        "name": "dcgan",
        "width": width,
        "discriminator_width": max(width, 32),
        "norm": "none",
        "upsample": "nearest",
        "hidden": 256,
        "discriminator_hidden": 128,
    }
    return plain | common, f"dcgan without normalisation, {width} channels: fits two cores"


def choose_points(survey: Survey) -> tuple[dict[str, Any], list[str]]:
    """As `choose`, for points in the plane, normalised to mean 0 and standard deviation 1."""
    table = {
        "name": "auto",
        "summary": SUMMARY,
        "paper": PAPER,
        "data": {"name": "points"},
        "architecture": {
            "name": "mlp",
            "generator_widths": [128, 128, 128],
            "discriminator_widths": [128, 128, 128],
            "latent": 12,
            "bits": 10,
            "octaves": 4,
            "activation": "leaky",
            "output": "linear",
        },
        "loss": {"name": "relativistic"},
        "penalty": [{"name": name, "weight": {"start": 0.3, "end": 3e-4, "shape": "cosine"}} for name in ("r1", "r2")],
        "optimizer": {
            "name": "adam",
            "lr": {"start": 2e-3, "end": 1e-5, "shape": "cosine"},
            "betas": [0.0, 0.99],
        },
        "average": {"half_life_samples": 50_000},
        "train": {"batch": 512, "samples": 4_000_000, "precision": "float32"},
        "evaluate": {"times": 4},
    }
    reasons = [
        f"mlp, three layers of 128 each: {survey.count:,} points in the plane need no more",
        "10 of the 12 latent numbers are read as bits: clusters that lie apart need a generator in pieces",
        "4 octaves of Fourier features before the discriminator: it sees detail of a hundredth of the data's width",
        "linear output: points lie anywhere, a tanh would bend them at the ends of its range",
        "relativistic loss with R1 and R2, gamma 0.3 falling to 0.0003: keeps every mode, then sharpens it",
        "learning rate 0.002 falling to 0.00001 on a cosine, without momentum: far steps first, fine ones at the end",
        "batches of 512: each step sees every cluster several times, so that none loses its share by chance",
        "float32: bfloat16 has 3 digits, too few for coordinates",
    ]
    return table, reasons


def _gamma(side: int, channels: int) -> float:
    """The gradient penalties' weight at the start; the end's is a tenth."""
    return 1.0 if channels == 1 else side / 32
