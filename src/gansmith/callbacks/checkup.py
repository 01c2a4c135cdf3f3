"""A cheap look at both players between the evaluations: a few hundred samples, and what the discriminator says.

Nothing of the training is touched: buffers are cloned, random numbers come from generators of its own. Pictures are
looked at in at most 16x16 pixels, through the random features; a look costs about as much as training on 150 samples.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gansmith.callbacks.draws import draw, samples_of
from gansmith.contracts import Loss, Spec, Verdict
from gansmith.features.random import RandomFeatures
from gansmith.games.precision import multiplies
from gansmith.metrics.diversity import diversity, least_diversity_within
from gansmith.metrics.memorization import memorization
from gansmith.metrics.prdc import prdc
from gansmith.metrics.two_sample import told_apart

if TYPE_CHECKING:
    from gansmith.run import Run

COUNT = 256  # samples, reals and held-out reals looked at
POOL = 1_000  # training samples among which the nearest are searched
CHUNK = 250  # samples fetched at a time
GROUPS, MEMBERS = 12, 12  # the most frequent classes or clusters, and so many samples of each, at most
LEAST = 64  # samples that a network is asked about at a time
SIDE = 16  # pixels: larger pictures are averaged down, or looking would cost more than training
PAIRS = 32  # pictures of samples beside their nearest training samples


class Scores(NamedTuple):
    """The discriminator's scores [N], each with the samples' classes or clusters, where there are any; the fakes have
    those of the reals, and `held_out_fake` those of the held-out samples."""

    real: Tensor
    fake: Tensor
    given: Tensor | None
    held_out: Tensor | None = None
    held_out_fake: Tensor | None = None
    held_out_given: Tensor | None = None


class Checkup:
    """Numbers of a run's samples and of its discriminator; sees the training data once, when it is made."""

    def __init__(self, run: Run) -> None:
        self.pool = _choice(len(run.dataset), POOL)
        batch = run.recipe.train.batch
        count = max(1, COUNT // batch) * batch  # whole batches: discriminators may compare samples within one
        self._shown = [self.pool[i % len(self.pool)] for i in range(count)]
        found = [] if run.test is None else _choice(len(run.test), count)
        self._held_out = [found[i % len(found)] for i in range(count)] if found else []
        self._extractor = _extractor(run.spec)
        parts = [self.pool[i : i + CHUNK] for i in range(0, len(self.pool), CHUNK)]
        batches = [run.dataset.fetch(part) for part in parts]
        self._reals = torch.cat([self._see(run, batch.real) for batch in batches])
        given = [batch.given for batch in batches if batch.given is not None]
        self._groups = self._members(torch.cat(given)) if given else {}

    def samples(self, run: Run) -> dict[str, float]:
        """What the averaged generator makes, against the training data; {} where that cannot be measured."""
        count = min(COUNT, len(self.pool))
        fakes = self._see(run, draw(run, count, seed=run.clock.samples_seen)[0])
        reals = self._reals[:count]
        try:
            within = self._least_diversity_within(run)
            spread, copies = diversity(fakes, reals), memorization(fakes, self._reals)
            return {
                "diversity": spread.ratio,
                **({} if math.isnan(within) else {"diversity_within": within}),
                "duplicates": spread.duplicates,
                "coverage": prdc(fakes, reals).coverage,
                "told_apart": told_apart(fakes, reals),
                "copies": copies.share_close,
                "nearest_ratio": copies.ratio_median,
            }
        except ValueError:  # samples that are not finite, or reals that are all equal
            return {}

    def _members(self, given: Tensor) -> dict[int, Tensor]:
        """The most frequent groups -> their reals' features, two and more."""
        found, counts = torch.unique(given, return_counts=True)
        frequent = found[counts.argsort(descending=True, stable=True)[:GROUPS]].tolist()
        members = {k: self._reals[given == k][:MEMBERS] for k in frequent}
        return {k: reals for k, reals in members.items() if len(reals) >= MEMBERS // 2}

    def _least_diversity_within(self, run: Run) -> float:
        if not self._groups:
            return math.nan
        given = torch.tensor(list(self._groups)).repeat_interleave(MEMBERS)
        generator = torch.Generator().manual_seed(run.clock.samples_seen)
        z = torch.randn(len(given), run.game.latent_size, generator=generator)
        fakes = torch.split(self._see(run, samples_of(run, z, given)), MEMBERS)
        return least_diversity_within(zip(fakes, self._groups.values(), strict=True))

    def closest(self, run: Run) -> Tensor:
        """[2 x PAIRS, *shape]: the samples nearest to a training sample, each followed by that one."""
        fakes, _ = draw(run, COUNT, seed=run.clock.samples_seen)
        found = memorization(self._see(run, fakes), self._reals)
        order = found.distances.argsort()[:PAIRS]
        nearest = run.dataset.fetch([self.pool[i] for i in found.indices[order].tolist()]).real
        return torch.stack([fakes[order], nearest], dim=1).flatten(0, 1)

    def scores(self, run: Run) -> Scores:
        """What the discriminator says of training samples, of the generator's newest ones and of held-out ones."""
        batch = run.dataset.fetch(self._shown)
        generator = torch.Generator().manual_seed(run.clock.samples_seen)
        z = torch.randn(len(batch.real), run.game.latent_size, generator=generator)
        real = _scores(run, batch.real, batch.given)
        fake = _scores(run, _answers(run, run.game.generator.network, z, batch.given), batch.given)
        if run.test is None or not self._held_out:
            return Scores(real, fake, batch.given)
        test = run.test.fetch(self._held_out)
        held_out, beside = _scores(run, test.real, test.given), fake
        if test.given is not None:
            beside = _scores(run, _answers(run, run.game.generator.network, z, test.given), test.given)
        return Scores(real, fake, batch.given, held_out, beside, test.given)

    def _see(self, run: Run, x: Tensor) -> Tensor:
        """Features [N, D]; of samples that are no pictures, their numbers."""
        if self._extractor is None:
            return x.flatten(1)
        small = F.interpolate(x.to(run.device), self._extractor.shape[1:], mode="area")
        return self._extractor(small).vectors.cpu()


def verdicts(scores: Scores, loss: Loss) -> dict[str, float]:
    """The scores in a few numbers that mean the same for every loss."""
    real, fake, given = scores.real, scores.fake, scores.given
    undecided = undecided_loss(loss)
    values = {"separation": _separation(real, fake, given), "push": _push(loss, real, fake)}
    if undecided is not None:
        values["loss_share"] = float(loss.discriminator(real, fake)) / undecided
    lead, noise = _lead(real, given, fake, given)
    if scores.held_out is not None and scores.held_out_fake is not None and lead > 10 * noise:  # else of two noises
        held_out, _ = _lead(scores.held_out, scores.held_out_given, scores.held_out_fake, scores.held_out_given)
        values["held_out_gap"] = 1 - held_out / lead
    return values


def undisturbed(network: nn.Module, *inputs: Tensor | None) -> Any:
    """The network's answer as in training, leaving it as it was; only dropout is off.

    Batch normalisation uses the batch, as in training (its running statistics mix reals and fakes), on copies of its
    buffers.
    """
    modes = [(module, module.training) for module in network.modules()]
    for module, _ in modes:
        module.training = isinstance(module, nn.modules.batchnorm._BatchNorm)
    try:
        with torch.no_grad():
            buffers = {name: buffer.clone() for name, buffer in network.named_buffers()}
            return torch.func.functional_call(network, buffers, inputs)
    finally:
        for module, mode in modes:
            module.training = mode


def undecided_loss(loss: Loss) -> float | None:
    """The least that a discriminator pays which gives all samples one score; None where that is 0 (Wasserstein)."""
    least = min(float(loss.discriminator(c, c)) for c in torch.linspace(-2, 2, 81)[:, None])
    return least if least > 1e-6 else None


def _answers(run: Run, network: nn.Module, x: Tensor, given: Tensor | None) -> Tensor:
    """Samples, or the first head's scores, float32 on the CPU; in batches as in training."""
    answers = []
    batch = run.recipe.train.batch
    batch *= -(-LEAST // batch)  # several small ones at a time: groups and packs of samples are neighbours
    for start in range(0, len(x), batch):
        part = slice(start, start + batch)
        told = None if given is None else given[part].to(run.device)
        seen = x[part].to(run.device)
        with multiplies(run.game.precision, seen):
            answer = undisturbed(network, seen, told)
        answers.append((answer.scores[0] if isinstance(answer, Verdict) else answer).float().cpu())
    return torch.cat(answers)


def _scores(run: Run, x: Tensor, given: Tensor | None) -> Tensor:
    """The discriminator's scores [N] of samples; a mean where it gives a sample several."""
    scores = _answers(run, run.game.discriminator.network, x, given)
    return scores.reshape(len(scores), -1).mean(1)


def _separation(real: Tensor, fake: Tensor, given: Tensor | None) -> float:
    """P(D(real) > D(fake)) - P(D(real) < D(fake)), in [-1, 1]; 1: the scores do not overlap.

    The mean sign of D(real) - D(fake) over all pairs of one class, whatever scale and offset a loss gives the scores.
    """
    signs = (real[:, None] - fake[None]).sign()
    return float(signs.mean() if given is None else signs[given[:, None] == given[None]].mean())


def _push(loss: Loss, real: Tensor, fake: Tensor) -> float:
    """Sum of |d loss_G / d D(fake)|: what reaches the generator; 1 where nothing saturates (Wasserstein, hinge)."""
    fake = fake.detach().requires_grad_()
    value = loss.generator(real if loss.compares else real[:0], fake)
    return float(torch.autograd.grad(value, fake)[0].abs().sum())


def _lead(real: Tensor, given: Tensor | None, fake: Tensor, fake_given: Tensor | None) -> tuple[float, float]:
    """By how much the reals' mean score is above that of the fakes of the same class, and its standard error."""
    if given is None or fake_given is None:
        given, fake_given = torch.zeros(len(real), dtype=torch.long), torch.zeros(len(fake), dtype=torch.long)
    found, places = torch.unique(torch.cat([given, fake_given]), return_inverse=True)
    given, fake_given, classes = places[: len(real)], places[len(real) :], len(found)
    counts = torch.bincount(fake_given, minlength=classes)
    means = torch.zeros(classes).index_add_(0, fake_given, fake) / counts.clamp(min=1)
    known = counts[given] > 0
    lead = (real - means[given])[known]
    noise = lead.var() / len(lead) + (fake - means[fake_given]).var() / len(fake)
    return float(lead.mean()), float(noise.sqrt())


def _extractor(spec: Spec) -> RandomFeatures | None:
    if len(spec.shape) != 3:
        return None
    channels, *sides = spec.shape
    shrink = max(1.0, max(sides) / SIDE)
    return RandomFeatures(Spec((channels, *(max(1, round(side / shrink)) for side in sides))))


def _choice(count: int, most: int) -> list[int]:
    """At most `most` of `count` indices, always the same."""
    chosen: list[int] = torch.randperm(count, generator=torch.Generator().manual_seed(0))[:most].tolist()
    return chosen
