"""The judge: how far a generator's samples are from real ones, in one extractor's features, with the protocol.

Every score names what it was made with (extractor and its hash, counts on each side, reference split, resizer):
numbers compare only where these are equal. `frechet_ratio` explains itself: at 1 the samples are as far from the
training samples as held-out samples are.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from gansmith.contracts import Dataset, Extractor, Scorer, Seen
from gansmith.errors import DataError
from gansmith.features.together import choice, gather_samples, joined, require_finite, see_reals, see_samples
from gansmith.metrics.distances import nearest
from gansmith.metrics.diversity import diversity
from gansmith.metrics.frechet import frechet_distance
from gansmith.metrics.histogram import class_histogram
from gansmith.metrics.inception_score import inception_score
from gansmith.metrics.kernel import kernel_distance
from gansmith.metrics.memorization import memorization
from gansmith.metrics.prdc import prdc
from gansmith.metrics.sliced import sliced_wasserstein
from gansmith.world import ALONE, Word, World

CHUNK = 500  # generated samples in memory at a time
NEAREST_POOL = 50_000  # training samples that `nearest` looks through

# (count, seed) -> samples [count, *shape] in the network's range, on the CPU, and their classes [count] or None
Draw = Callable[[int, int], tuple[Tensor, Tensor | None]]


@dataclass(frozen=True)
class Scores:
    """What the judge found: finite numbers by slash-grouped name, and how they came about."""

    values: dict[str, float]
    protocol: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        """Both tables as JSON."""
        return json.dumps(asdict(self), indent=2, allow_nan=False)


class Judge:
    """Scores samples against `train`; sees the real samples once, when it is made.

    `samples` are drawn for each score, and as many training samples are the reference: a seeded choice, or all where
    there are fewer, and then as few are drawn. In a `world` of several all have the extractor (`features.together`),
    each sees its part and this one, the leader, scores. Raises DataError with fewer than 2 samples, or only equal ones.
    """

    def __init__(
        self,
        extractor: Extractor,
        train: Dataset,
        test: Dataset | None,
        samples: int = 5000,
        seed: int = 0,
        scorers: Sequence[Scorer] = (),
        world: World = ALONE,
    ) -> None:
        if len(train) < 2 or samples < 2:
            raise DataError(f"Scores need 2 samples or more; asked for {samples} of {len(train)} training samples.")
        self.extractor = extractor
        self.scorers = tuple(scorers)
        self.train = train
        self.seed = seed
        self.world = world
        self.count = min(samples, len(train))
        self.chosen = choice(len(train), self.count, seed)
        self.reference = see_reals(world, extractor, Word.SEE_TRAIN, train, self.count, seed)
        if bool((self.reference.vectors == self.reference.vectors[0]).all()):
            raise DataError(
                f"All {self.count} training samples look the same to the {extractor.name} features, so there is "
                "nothing to score against. Look at the data with `gansmith check`."
            )
        self.test_count = min(self.count, len(test)) if test is not None else 0
        self.test_distance: float | None = None  # Frechet distance of held-out samples to the reference
        if test is not None and self.test_count >= 2:
            held_out = see_reals(world, extractor, Word.SEE_TEST, test, self.test_count, seed)
            self.test_distance = frechet_distance(held_out.vectors, self.reference.vectors[: self.test_count])

    def score(self, draw: Draw, *, whole: bool = True) -> Scores:
        """`draw` is called for up to 500 at a time; it gives this process' part of the samples, and all classes.

        Where `whole`, as many more are drawn as the scorers want. Raises GansmithError where samples are not finite.
        """
        wanted = [s.samples if whole else min(s.samples, self.count) for s in self.scorers]
        kept: list[list[Tensor]] = [[] for _ in self.scorers]
        looks: list[Seen] = []
        asked: list[Tensor] = []
        for start, count, seed in self._calls(max([self.count, *wanted])):
            part, labels = draw(count, seed)
            if start < self.count:
                looks.append(see_samples(self.world, self.extractor, part, count))
                asked += [] if labels is None else [labels]
            if start >= max(wanted, default=0):
                continue
            samples = gather_samples(self.world, part, count)
            require_finite(samples)
            for scorer, most, parts in zip(self.scorers, wanted, kept, strict=True):
                if start < most:
                    parts.append(scorer.see(samples[: most - start]))
        seen = joined(looks)
        values = self._distances(seen.vectors) | self._classes(seen, torch.cat(asked) if asked else None)
        protocol = dict(self.protocol)
        for scorer, most, parts in zip(self.scorers, wanted, kept, strict=True):
            values |= {f"{scorer.name}/{name}": value for name, value in scorer.score(torch.cat(parts)).items()}
            protocol[scorer.name] = {"generated": most, **scorer.protocol}
        return Scores(values, protocol)

    def nearest(self, samples: Tensor) -> tuple[Tensor, Tensor]:
        """The nearest training samples [n, *shape] to `samples` [n, *shape], and their feature distances [n].

        Looks through the whole training split, or a seeded choice of 50,000 of it.
        """
        order, vectors = self._pool
        distances, indices = nearest(self.extractor(samples).vectors.double(), vectors.double())
        return self.train.fetch([order[i] for i in indices.tolist()]).real, distances.float()

    @cached_property
    def protocol(self) -> dict[str, Any]:
        """How the scores come about, as JSON."""
        notes = []
        if self.count <= self.reference.vectors.shape[1]:
            notes.append("frechet is biased: fewer samples than features")
        if self.test_distance is not None and self.test_count < self.count:
            notes.append(f"frechet_ratio is formed from {self.test_count} samples on each side, the test split's size")
        if self.count < len(self.train):
            notes.append(f"memorization looks at {self.count} of {len(self.train)} training samples")
        return {
            "extractor": self.extractor.name,
            "hash": self.extractor.hash,
            "details": self.extractor.details,
            "generated": self.count,
            "reference": self.count,
            "test": self.test_count,
            "reference_split": "train",
            "resizer": self.extractor.details.get("resizer", "none: native resolution"),
            "seed": self.seed,
            "test_frechet": self.test_distance,
            "notes": notes,
        }

    def _calls(self, total: int) -> Iterator[tuple[int, int, int]]:
        """(start, count, seed) of each call to draw; no two seeds of one judge, or of judges of other seeds, are equal.

        The first `self.count` samples are the same whatever the total is.
        """
        starts = [*range(0, self.count, CHUNK), *range(self.count, total, CHUNK)]
        for call, (start, end) in enumerate(zip(starts, [*starts[1:], total], strict=True)):
            yield start, end - start, self.seed * 1_000_003 + call

    def _distances(self, vectors: Tensor) -> dict[str, float]:
        real = self.reference.vectors
        values = {"frechet": frechet_distance(vectors, real)}
        if self.test_distance:
            n = self.test_count
            near = values["frechet"] if n == self.count else frechet_distance(vectors[:n], real[:n])
            values["frechet_ratio"] = near / self.test_distance
        copies, spread = memorization(vectors, real), diversity(vectors, real)
        return {
            **values,
            "kernel": kernel_distance(vectors, real),
            **prdc(vectors, real)._asdict(),
            "sliced_wasserstein": sliced_wasserstein(vectors, real),
            "memorization/ratio_median": copies.ratio_median,
            "memorization/ratio_lowest": copies.ratio_lowest,
            "memorization/share_close": copies.share_close,
            "diversity": spread.ratio,
            "duplicates": spread.duplicates,
        }

    def _classes(self, seen: Seen, asked: Tensor | None) -> dict[str, float]:
        """Scores of class probabilities. Histograms compare answers with answers, so that its errors cancel."""
        if seen.probabilities is None or self.reference.probabilities is None:
            return {}
        values = {"inception_score": inception_score(seen.probabilities).mean}
        if self.extractor.details.get("labels") != list(self.train.label_names):
            return values  # another data set's classes: Inception's, or those of a classifier from a file
        answers = seen.probabilities.argmax(1)
        found = class_histogram(answers, self.reference.probabilities.argmax(1), seen.probabilities.shape[1])
        values |= {"class_kl": found.kl, "class_js": found.js, "classes_hit": float(found.classes_hit)}
        if asked is not None:
            values["label_accuracy"] = float((answers == asked).double().mean())
        return values

    @cached_property
    def _pool(self) -> tuple[list[int], Tensor]:
        if self.count == min(len(self.train), NEAREST_POOL):
            return self.chosen, self.reference.vectors
        count = min(len(self.train), NEAREST_POOL)
        seen = see_reals(self.world, self.extractor, Word.SEE_TRAIN, self.train, count, self.seed)
        return choice(len(self.train), count, self.seed), seen.vectors
