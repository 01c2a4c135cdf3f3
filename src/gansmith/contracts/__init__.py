"""The types that folders share. Imports torch and nothing of ours.

Dimension letters, here and everywhere: B batch, C channels, H height, W width, Z latent size, N samples, D features.
"""

from gansmith.contracts.clock import Clock, Schedule
from gansmith.contracts.data import Codec, Composition, Dataset, Mixture, Source, Survey
from gansmith.contracts.game import Augmentation, Game, Loss, Penalty, PlayerName, Report, Step
from gansmith.contracts.judge import Extractor, Scorer, Seen
from gansmith.contracts.networks import Architecture, Discriminator, Generator, Verdict
from gansmith.contracts.samples import Batch, GivenSpec, Spec

__all__ = [
    "Architecture",
    "Augmentation",
    "Batch",
    "Clock",
    "Codec",
    "Composition",
    "Dataset",
    "Discriminator",
    "Extractor",
    "Game",
    "Generator",
    "GivenSpec",
    "Loss",
    "Mixture",
    "Penalty",
    "PlayerName",
    "Report",
    "Schedule",
    "Scorer",
    "Seen",
    "Source",
    "Spec",
    "Step",
    "Survey",
    "Verdict",
]
