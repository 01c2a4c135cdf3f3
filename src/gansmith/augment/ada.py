"""Adaptive discriminator augmentation (Karras et al. 2020, ADA, arXiv 2006.06676, sections 2 and 3, appendix B).

Every change is made with probability p, drawn for each sample and change alone. While p stays below about .8 the
unchanged pictures remain the most frequent ones, and the generator learns those and not the changes (section 2). p
follows how surely the discriminator tells its training pictures: r = E sign D(real) rises where it overfits.

Here all moves are one bilinear sampling, mirrored at the edges; the paper samples up and down with wavelet filters,
which keeps more detail where pictures are shrunk.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from gansmith.contracts import Augmentation, Clock, Schedule
from gansmith.layers.checks import require_at_least, require_probability
from gansmith.layers.resample import affine
from gansmith.layers.transforms import reach, recolour, require_pictures, uniform, whole

PROBABILITY, SIGN = "ada/probability", "ada/sign"


@dataclass(frozen=True)
class ADA(Augmentation):
    """Moves and colours, the more often the surer the discriminator is of its training pictures.

    Args:
        policy: blit (mirroring, quarter turns, whole-pixel moves), geometry (scaling, rotation, moves), color
            (brightness, contrast, inversion of lightness, hue, saturation).
        probability: p at the start; where `target` is none, p itself, which then follows this schedule.
        target: r = E sign D(real), or E sign(D(real) - D(fake)) for relativistic losses, that p steers to. Losses
            whose scores have no zero (wasserstein) want none.
        ramp_samples: real samples in which p can go from 0 to 1; 500,000 in the paper.
        limit: p never exceeds it; above .8 the generator may learn the changes.
    """

    policy: tuple[Literal["blit", "geometry", "color"], ...] = ("blit", "geometry", "color")
    probability: Schedule = Schedule(0.0)
    target: float | None = 0.6
    ramp_samples: int = 500_000
    limit: float = 0.8

    def __post_init__(self) -> None:
        if not self.policy or len(set(self.policy)) < len(self.policy):
            raise ValueError(f"policy must name some of blit, geometry and color, each once, not {list(self.policy)}")
        require_probability(probability=self.probability, limit=Schedule(self.limit))
        require_at_least(1, ramp_samples=self.ramp_samples)
        if self.target is None:
            return
        if not -1 < self.target < 1:
            raise ValueError(f"target must be between -1 and 1 (0.6 is usual), or none, not {self.target}")
        if self.probability.end is not None or self.probability.start > self.limit:
            raise ValueError(
                "probability must be one number, at most limit, because target adapts it; for a schedule set target "
                "to none"
            )

    def current(self, clock: Clock, memory: dict[str, Tensor]) -> Tensor:
        if self.target is None:
            return super().current(clock, memory)
        return memory.get(PROBABILITY, torch.tensor(self.probability.start))

    def adapt(self, memory: dict[str, Tensor], real_sign: Tensor, samples: int) -> None:
        if self.target is None:
            return
        # smoothed over about four steps, as in the paper
        sign = torch.lerp(memory.get(SIGN, real_sign).to(real_sign), real_sign, 0.25)
        step = (sign - self.target).sign() * samples / self.ramp_samples
        p = memory.get(PROBABILITY, torch.tensor(self.probability.start)).to(real_sign) + step
        memory[SIGN], memory[PROBABILITY] = sign, p.clamp(0, self.limit)

    def __call__(self, x: Tensor, probability: Tensor) -> Tensor:
        require_pictures(x, "ada")
        p = probability.to(x)
        moves = [*(_blits(x, p) if "blit" in self.policy else ()), *(_moves(x, p) if "geometry" in self.policy else ())]
        if moves:
            # the picture is seen through the moves' inverses, first move first; each is as likely as its inverse
            maps = moves[0]
            for move in moves[1:]:
                maps = maps @ move
            x = affine(x, maps)
        return _colours(x, p) if "color" in self.policy else x


def _some(p: Tensor, value: Tensor, neutral: float) -> Tensor:
    """`value` [B] with probability p, drawn for each, else `neutral`."""
    return torch.where(torch.rand(len(value), device=value.device) < p, value.float(), neutral)


def _normal(x: Tensor) -> Tensor:
    return torch.randn(len(x), device=x.device)


def _blits(x: Tensor, p: Tensor) -> list[Tensor]:
    """Mirroring, quarter turns (half turns where the sides differ) and moves by whole pixels, each [B, 3, 3]."""
    height, width = x.shape[2:]
    turns = whole(0, 3, x) if height == width else 2 * whole(0, 1, x)
    right, down = (whole(-reach(side, 1 / 8), reach(side, 1 / 8), x) for side in (width, height))
    mirror = _some(p, 1 - 2 * whole(0, 1, x), 1)
    use = _some(p, torch.ones(len(x), device=x.device), 0)
    turn = _rotation(_some(p, turns * (math.pi / 2), 0))
    return [_scaling(mirror, torch.ones_like(mirror)), turn, _moving(use * right, use * down)]


def _moves(x: Tensor, p: Tensor) -> list[Tensor]:
    """Scaling, rotation, scaling of one side against the other, rotation, and moves by parts of pixels."""
    height, width = x.shape[2:]
    scale, stretch = (2 ** _some(p, 0.2 * _normal(x), 0) for _ in range(2))
    once = 1 - (1 - p).sqrt()  # so that at least one of the two rotations happens with probability p
    first, second = (_rotation(_some(once, uniform(-math.pi, math.pi, x), 0)) for _ in range(2))
    use = _some(p, torch.ones(len(x), device=x.device), 0)
    right, down = (use * _normal(x) * side / 8 for side in (width, height))
    return [_scaling(scale, scale), first, _scaling(stretch, 1 / stretch), second, _moving(right, down)]


def _scaling(across: Tensor, along: Tensor) -> Tensor:
    """[B, 3, 3]: the width times `across`, the height times `along`."""
    return torch.diag_embed(torch.stack([across, along, torch.ones_like(across)], 1))


def _moving(right: Tensor, down: Tensor) -> Tensor:
    """[B, 3, 3]: by so many pixels."""
    maps = torch.eye(3, device=right.device).repeat(len(right), 1, 1)
    maps[:, 0, 2], maps[:, 1, 2] = right, down
    return maps


def _rotation(angle: Tensor) -> Tensor:
    """[B, 3, 3]: about the picture's centre, `angle` in radians."""
    cos, sin = angle.cos(), angle.sin()
    maps = torch.eye(3, device=angle.device).repeat(len(angle), 1, 1)
    maps[:, 0, 0], maps[:, 0, 1], maps[:, 1, 0], maps[:, 1, 1] = cos, -sin, sin, cos
    return maps


def _colours(x: Tensor, p: Tensor) -> Tensor:
    """Brightness, contrast, inversion of lightness, hue and saturation, as one map."""
    brightness = _some(p, 0.2 * _normal(x), 0)
    contrast = 2 ** _some(p, 0.5 * _normal(x), 0)
    line = contrast * _some(p, 1 - 2 * whole(0, 1, x), 1)
    hue = _some(p, uniform(-math.pi, math.pi, x), 0)
    plane = contrast * 2 ** _some(p, _normal(x), 0)
    return recolour(x, line, plane, line * brightness, hue)
