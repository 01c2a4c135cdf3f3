"""`few-shot`: some hundred pictures, fifteen minutes. Does it make new ones, or copies, and does augmentation help?

Blood cells (364 photographs) and hats (123) at 64 x 64. The bar of copying, exactly: 2,000 samples are drawn, and each
one's distance to its nearest training picture (or that one's mirror image, where the training mirrors) is compared with
the smallest distance between any two different training pictures (mirror images included, a picture's own left out).
`copies/share` is the share of samples that are nearer than that, and must be 0. `copies/closer` is milder and shown
beside it: the share nearer than the training pictures' own nearest neighbours typically (in the median) are, about
half for fresh draws. No number finds copying reliably: look at the nearest training pictures in every run's report.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from gansmith import api
from gansmith.bench._bench import Bar, Bench, Column, Data, Group, Outcome
from gansmith.bench._judge import data_of
from gansmith.contracts import Dataset, Extractor
from gansmith.features import find as find_extractor
from gansmith.metrics.memorization import EQUAL

SETS = (Data("cells", "bccd-256/bccd_256.zip"), Data("hats", "clothing-128/clothing_128.zip/train/hat"))
ARMS = {"": (), ", DiffAugment": ("augment.name=diffaugment",)}  # auto itself does not augment: decision 0007
DRAWN, CHUNK = 2_000, 500


class FewShot(Bench):
    """`auto`, which does not augment, and the same with augmentation."""

    summary = "few pictures: coverage, copies of training pictures, and what augmentation does"
    notes = (
        "copies: share of 2,000 samples nearer to a training picture than any two training pictures are to each other",
        "closer: share nearer to one than training pictures' nearest neighbours are in the median",
    )
    minutes = 15
    columns = (
        Column("coverage", "coverage"),
        Column("copies/share", "copies"),
        Column("copies/closer", "closer"),
        Column("memorization/ratio_median", "nearest, median"),
        Column("memorization/ratio_lowest", "nearest, lowest 1 %"),
        Column("frechet", "Frechet"),
        Column("recall", "recall"),
    )
    bars = tuple(
        bar
        for data in SETS
        for bar in (
            Bar(data.name, "coverage", 0.8, "at least", title="coverage"),
            Bar(data.name, "copies/share", 0.0, "at most", "every seed", "copies"),
        )
    )

    def groups(self) -> Sequence[Group]:
        return [
            Group(data.name + name, data, classes=False, resolution=64, settings=settings)
            for data in SETS
            for name, settings in ARMS.items()
        ]

    def own_scores(self, outcome: Outcome, features: str) -> dict[str, float]:
        mirrored = bool(api.load(outcome.folder).metadata["recipe"]["data"].get("mirror"))
        dataset, test = data_of(outcome, mirror=False)
        return copies(outcome, dataset, find_extractor(features, dataset, test), mirrored)


def copies(outcome: Outcome, dataset: Dataset, extractor: Extractor, mirrored: bool) -> dict[str, float]:
    """The two shares of this file's head, of a run's samples against `dataset`, which is not mirrored."""
    draw = api.load(outcome.folder).draw_like(dataset)
    samples = torch.cat([draw(CHUNK, seed)[0] for seed in range(DRAWN // CHUNK)])
    sides = [[x, x.flip(-1)] if mirrored else [x] for x in (samples, dataset.fetch(range(len(dataset))).real)]
    of_samples, of_reals = ([_see(extractor, x) for x in side] for side in sides)
    return shares_of_copies(of_samples, of_reals)


def shares_of_copies(samples: Sequence[Tensor], reals: Sequence[Tensor]) -> dict[str, float]:
    """Features of samples [N, D] and reals [M, D]; where training mirrors, those of their mirror images follow."""
    plain = reals[0].double()
    between = torch.stack([torch.cdist(r.double(), plain) for r in reals]).amin(0)  # [M, M]
    same = EQUAL * float((plain - plain.mean(0)).square().sum(1).mean().sqrt())
    own = between.fill_diagonal_(torch.inf).masked_fill(between <= same, torch.inf).amin(1)  # [M], duplicates apart
    nearest = torch.stack([torch.cdist(s.double(), plain) for s in samples]).amin((0, 2))  # [N]
    return {
        "copies/share": float((nearest < own.min()).double().mean()),
        "copies/closer": float((nearest < own.median()).double().mean()),
    }


def _see(extractor: Extractor, x: Tensor) -> Tensor:
    return torch.cat([extractor(part).vectors for part in torch.split(x, CHUNK)])
