"""The recipe `auto`: what to train with, chosen by what the data is, each choice with its reason.

Always the same game: relativistic pairing with R1 and R2 on networks without normalisation (Huang et al. 2024, R3GAN,
arXiv 2501.05441), which does not collapse. What changes with the data is the kind of networks (dense layers for points
in the plane, those for pictures by a table of measured trainings), how wide they are, how strong the penalties are and
whether pictures are mirrored. The numbers come from trainings on two CPU cores.
"""

from __future__ import annotations

from typing import Any

from gansmith.auto import networks
from gansmith.auto.networks import FLAT, UNSAID_SAMPLES, Budget
from gansmith.contracts import Survey

SUMMARY = "Chosen by your data: relativistic pairing with R1 and R2, sized for the resolution"
PAPER = "Huang et al. 2024, The GAN is dead; long live the GAN!, arXiv 2501.05441"
FEW = 5_000  # samples under which pictures are mirrored
CLUSTERS, POINT_CLUSTERS = 300, 100  # at most, of
CLUSTER_SIZE = 30  # samples and more in the mean,
CLUSTER_SEEN = 700  # each of them so often, over the training;
CHANNEL_SEEN = 2_000  # so often where they are a channel's
TOLD = "clusters of like samples, told in place of classes: each is a smaller task, and none is forgotten"
BATCH, GPU_BATCH = 32, 64
SHORT_BATCH, SHORT = 16, 300_000  # on a processor, where no more samples than that will be seen,
QUICK = 32  # and pictures have more pixels a side: with fewer, two cores hardly make a smaller step any faster
HURRIED = 60_000  # samples up to which networks for small grey pictures are narrower, and learn faster
OFTEN = 500  # passes over photographs above which their networks are wider, and learn more slowly
ON_A_PROCESSOR = Budget("cpu")


def choose(
    survey: Survey,
    resolution: tuple[int, int],
    channels: int,
    budget: Budget = ON_A_PROCESSOR,
    network: str | None = None,
    *,
    classes: bool = False,
    packs: bool = False,
) -> tuple[dict[str, Any], list[str]]:
    """A recipe's table (without its [data] place) for data like this, and the reasons, one sentence each.

    `resolution` is height and width in pixels. `network`, one of `networks.names()`, is taken instead of the best.
    `classes`: both players are told the class. `packs`: the discriminator sees several samples at once, which cannot be
    of one cluster; where neither is so, clusters are told.
    """
    side = max(resolution)
    flat = survey.flat > FLAT
    name, reason = (
        (network, f"{network}: as asked") if network else networks.best(survey, side, channels, budget, classes)
    )
    hurried = _hurried(side, channels, budget)
    often = not flat and side > QUICK and budget.seen(side) > OFTEN * survey.count
    wider = networks.GPU_WIDER if budget.device != "cpu" else 1.0
    if often:
        wider *= networks.OFTEN_WIDER
        room = f"twice as many as usual, since {survey.count:,} are soon seen often"
    elif hurried:
        wider *= networks.HURRIED_WIDER
        room = f"half as many as usual, which learn faster: there is time for about {budget.seen(side):,} samples"
    else:
        room = _room(budget)
    architecture = networks.sized(name, side, channels, survey.flat, wider)
    reasons = [reason, f"{architecture['width']} channels at {resolution[1]}x{resolution[0]}: {room}"]
    apart = networks.unrelated(survey, channels)
    grey = channels == 1 or apart
    gamma = 1.0 if grey else side / 32
    reasons.append(f"relativistic loss with R1 and R2, gamma {gamma:g} falling to {gamma / 10:g}: keeps every mode")
    if architecture["name"] == "dcgan":
        # measured: on plain backgrounds a tanh saturates and the generator dies; on photographs an unbounded output
        # and twice the rate let the scores explode now and then (docs/decisions/0007-auto.md)
        reasons.append(
            f"{architecture['output']} output: {survey.flat:.0%} of the values lie at an end of the range"
            + (" (plain backgrounds), where a tanh would stick" if flat else "")
        )
    mirror = survey.count < FEW and channels > 1 and side > 32
    if mirror:
        reasons.append(
            f"mirrored pictures: {survey.count:,} are few (--set data.mirror=false if left and right matter)"
        )
    most = min(CLUSTERS, budget.seen(side) // (CHANNEL_SEEN if apart else CLUSTER_SEEN))
    clusters = _clusters(survey.count, 0 if classes or packs else most)
    if clusters:
        reasons.append(f"{clusters} {TOLD}")
    of = "channel" if clusters and apart else "picture"
    if of == "channel":
        reasons.append(
            "clusters of each channel, not of whole pictures: the channels show unrelated things "
            f"(correlation {survey.channel_correlation:.2f})"
        )
    # measured: at the rate of 16 channels, 48 and 64 diverge at once
    rate, last = ((2e-3 if flat and grey else 1e-3) / wider, 1e-4 / wider)
    reasons.append(f"learning rate {rate:g} falling to {last:g}, without momentum")
    batch, reason = _batch(side, budget, hurried)
    reasons.append(reason)
    falling = {"start": gamma, "end": gamma / 10, "shape": "cosine"}
    table = {
        "name": "auto",
        "summary": SUMMARY,
        "paper": PAPER,
        "data": {"name": "images", "mirror": mirror, "clusters": clusters, "clusters_of": of},
        "architecture": architecture,
        "loss": {"name": "relativistic"},
        "penalty": [{"name": "r1", "weight": falling}, {"name": "r2", "weight": falling}],
        "optimizer": {
            "name": "adam",
            "lr": {"start": rate, "end": last, "shape": "cosine"},
            "betas": [0.0, 0.99],
        },
        "average": {"half_life_samples": 20_000},
        "train": {"batch": batch, "samples": UNSAID_SAMPLES},
    }
    return table, reasons


def choose_points(survey: Survey, *, classes: bool = False, packs: bool = False) -> tuple[dict[str, Any], list[str]]:
    """As `choose`, for points in the plane, normalised to mean 0 and standard deviation 1."""
    clusters = _clusters(survey.count, 0 if classes or packs else POINT_CLUSTERS)
    table = {
        "name": "auto",
        "summary": SUMMARY,
        "paper": PAPER,
        "data": {"name": "points", "clusters": clusters},
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
        *([f"{clusters} {TOLD}"] if clusters else []),
    ]
    return table, reasons


def _clusters(count: int, most: int) -> int:
    """How many groups of samples are told in place of classes; 0: none."""
    found = min(most, count // CLUSTER_SIZE)
    return found if found > 1 else 0


def _hurried(side: int, channels: int, budget: Budget) -> bool:
    """Whether there is so little time that fewer channels come further; measured on small grey pictures alone."""
    return budget.device == "cpu" and side <= QUICK and channels == 1 and budget.seen(side) <= HURRIED


def _batch(side: int, budget: Budget, hurried: bool) -> tuple[int, str]:
    """Samples a step, and why."""
    if budget.device != "cpu":
        return GPU_BATCH, f"batches of {GPU_BATCH}, not measured (no GPU was at hand)"
    if hurried or (side > QUICK and budget.seen(side) <= SHORT):
        return (
            SHORT_BATCH,
            f"batches of {SHORT_BATCH}: in a short training more steps teach more than steadier ones",
        )
    return BATCH, f"batches of {BATCH}: steadier steps, and in a long training there are enough of them"


def _room(budget: Budget) -> str:
    if budget.device == "cpu":
        return "fits a processor"
    return f"{networks.GPU_WIDER} times a processor's, not measured (no GPU was at hand)"
