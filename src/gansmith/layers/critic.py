"""What can be added to any discriminator: groups of samples, a normalised last layer, a classifier.

- Minibatch standard deviation (Karras et al. 2018, arXiv 1710.10196, section 3): how much a group's features vary
  becomes one more feature, so that a collapsed batch is recognised as such.
- Packing (Lin et al. 2018, PacGAN, arXiv 1712.04086): k samples are judged together, stacked along the channels.
- SAN (Takida et al. 2024, arXiv 2301.12811, section 5): the last layer is a direction of length 1, learnt by the
  Wasserstein objective alone, while the features learn from the loss.
- Spectral normalisation (Miyato et al. 2018, arXiv 1802.05957).
- Auxiliary classifier (Odena et al. 2017, ACGAN, arXiv 1610.09585): the class is told by a second head, and not to the
  discriminator; train it with the penalty `auxiliary`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import spectral_norm

from gansmith.contracts import Discriminator, Spec, Verdict
from gansmith.layers.biases import Linear
from gansmith.layers.checks import require_at_least
from gansmith.layers.classes import Told, need_classes
from gansmith.layers.equal import Scaled
from gansmith.layers.initial import Weighted


@dataclass(frozen=True)
class Critic:
    """Additions to a discriminator, the same for every network: [architecture.critic] of a recipe.

    Args:
        minibatch_stddev: samples in a group whose spread the discriminator sees; 0 for none, 4 is usual.
        packing: samples judged together; 1 for each alone. Unconditional training only.
        san: a last layer of length 1 that learns apart from the features.
        spectral_norm: every dense and convolutional weight divided by its largest singular value.
        auxiliary: a second head tells the class, instead of the discriminator being told.
    """

    minibatch_stddev: int = 0
    packing: Literal[1, 2, 4] = 1
    san: bool = False
    spectral_norm: bool = False
    auxiliary: bool = False

    def __post_init__(self) -> None:
        require_at_least(0, minibatch_stddev=self.minibatch_stddev)

    def dress(self, build: Callable[[Spec], Discriminator], spec: Spec) -> Discriminator:
        """The discriminator that `build` makes of a spec, packed and normalised as chosen. Raises ValueError."""
        if self.auxiliary and not spec.classes:
            raise ValueError("critic.auxiliary needs classes: train with --classes, or leave it out")
        if self.auxiliary and len(spec.told) > 1:
            raise ValueError("critic.auxiliary tells classes, or clusters of whole pictures, not those of each channel")
        if self.packing == 1:
            network = build(spec)
        elif spec.classes:
            raise ValueError("critic.packing is for training without classes or clusters: a pack would be of several")
        else:
            network = Packed(build(replace(spec, shape=(self.packing * spec.shape[0], *spec.shape[1:]))), self.packing)
        if self.spectral_norm:
            for module in list(network.modules()):
                if isinstance(module, Weighted) and not _normalised(module):
                    spectral_norm(module)
        batched = any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in network.modules())
        network.independent = self.packing == 1 and not self.minibatch_stddev and not batched
        network.homogeneous = network.independent and network.piecewise_linear and not self.san
        return network


def _normalised(module: nn.Module) -> bool:
    """Whether the weight is already divided by something; equalised learning rates only scale it."""
    if not parametrize.is_parametrized(module, "weight"):
        return False
    return not isinstance(module.get_submodule("parametrizations.weight.0"), Scaled)


class Packed(Discriminator):
    """`network` on `count` samples at a time, stacked along their first dimension: scores [B / count]."""

    def __init__(self, network: Discriminator, count: int) -> None:
        super().__init__()
        self.network, self.count = network, count

    def forward(self, x: Tensor, given: Tensor | None = None) -> Verdict:
        if len(x) % self.count:
            raise ValueError(f"packing judges {self.count} samples together: {len(x)} are no multiple of that")
        verdict: Verdict = self.network(x.reshape(len(x) // self.count, -1, *x.shape[2:]), given)
        return verdict


class Head(nn.Module):
    """The end of every discriminator: features h [B, D] (and classes [B]) -> verdict with scores [B].

    With classes the score is that of Miyato & Koyama 2018 (arXiv 1802.05637, eq. 3), psi(h) + <embed(y), h>; of several
    facets the vectors are summed.

    Always float32: a relativistic loss sees differences of scores alone, so that these drift together, and at 40 the
    neighbours of a bfloat16 are .25 apart, as much as the differences that count.
    """

    def __init__(self, features: int, told: tuple[int, ...], critic: Critic) -> None:
        super().__init__()
        self.group = critic.minibatch_stddev
        features += bool(self.group)
        self.score = Linear(features, 1, bias=not critic.san)
        self.embed = Told(told, features) if told and not critic.auxiliary else None
        self.classify = nn.Linear(features, told[0]) if critic.auxiliary else None
        self.san = critic.san
        if self.embed is not None:  # <embed, h> starts as large as a He-initialised layer's output, not sqrt(D) larger
            nn.init.normal_(self.embed.weight, 0.0, (features * len(told)) ** -0.5)

    def forward(self, h: Tensor, given: Tensor | None, features: tuple[Tensor, ...] = ()) -> Verdict:
        kind = h.device.type
        with torch.autocast(kind, enabled=False) if torch.amp.is_autocast_available(kind) else nullcontext():
            return self._judge(h.to(torch.promote_types(h.dtype, torch.float32)), given, features)

    def _judge(self, h: Tensor, given: Tensor | None, features: tuple[Tensor, ...]) -> Verdict:
        if self.group:
            h = torch.cat([h, spread_of_groups(h, self.group)], dim=1)
        classes = None if self.classify is None else self.classify(h)
        told = None if self.embed is None else self.embed(need_classes(given)).sum(1)
        if self.san:
            direction = functional.normalize(self.score.weight if told is None else self.score.weight + told, dim=1)
            apart = (h.detach() * direction).sum(1)
            return Verdict(((h * direction.detach()).sum(1),), features, (apart,), classes)
        score: Tensor = self.score(h).squeeze(1)
        if told is not None:
            score = score + (told * h).sum(1)
        return Verdict((score,), features, (), classes)


def spread_of_groups(h: Tensor, group: int) -> Tensor:
    """h [B, D] -> [B, 1]: the standard deviation in each group of `group` neighbours, averaged over D.

    Groups shrink where B is no multiple of `group`.
    """
    count = next(g for g in range(min(group, len(h)), 0, -1) if len(h) % g == 0)
    grouped = h.float().reshape(-1, count, h.shape[1])
    spread = (grouped.var(1, correction=0) + 1e-8).sqrt().mean(1)
    return spread.repeat_interleave(count)[:, None].to(h.dtype)
