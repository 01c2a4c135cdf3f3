"""DiffAugment (Zhao et al. 2020, arXiv 2006.10738, section 3 and appendix A): a few strong changes, the same for all.

Below some ten thousand pictures a discriminator learns them by heart; it cannot where it sees each one changed anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from gansmith.contracts import Augmentation, Schedule
from gansmith.layers.checks import require_probability
from gansmith.layers.transforms import brighten, flip, reach, rectangle, require_pictures, shift, uniform, whole

Change = Literal["color", "translation", "cutout", "flip"]


@dataclass(frozen=True)
class DiffAugment(Augmentation):
    """Each sample, with `probability`, goes through all changes of `policy`, in the order below.

    flip: left and right exchanged in half of them. color: brightness + U(-.5, .5), saturation x U(0, 2), contrast
    x U(.5, 1.5). translation: up to an eighth of each side, zeros come in. cutout: a rectangle of half the sides, its
    centre anywhere in the picture, becomes zero. Leave out what would make another kind of picture of yours: "color"
    where colours carry the meaning, "flip" for digits and letters.
    """

    policy: tuple[Change, ...] = ("color", "translation", "cutout")
    probability: Schedule = Schedule(1.0)

    def __post_init__(self) -> None:
        if not self.policy or len(set(self.policy)) < len(self.policy):
            raise ValueError(
                f"policy must name at least one of color, translation, cutout and flip, each once, not "
                f"{list(self.policy)}; to train without augmentation leave [augment] out"
            )
        require_probability(probability=self.probability)

    def __call__(self, x: Tensor, probability: Tensor) -> Tensor:
        require_pictures(x, "diffaugment")
        sides = x.shape[2:]
        chosen = uniform(0, 1, x) < probability  # the others go through the same changes by nothing
        kept: list[Tensor] = []
        if "flip" in self.policy:
            x = flip(x, chosen & (uniform(0, 1, x) < 0.5))
        if "color" in self.policy:
            ranges = ((-0.5, 0.5, 0), (0, 2, 1), (0.5, 1.5, 1))
            x = brighten(x, *(torch.where(chosen, uniform(low, high, x), none) for low, high, none in ranges))
        if "translation" in self.policy:
            down, right = (chosen * whole(-reach(side, 1 / 8), reach(side, 1 / 8), x) for side in sides)
            x = shift(x, down, right, "repeat")
            kept.append(rectangle(x, down, right, sides))
        if "cutout" in self.policy:
            size = [reach(side, 1 / 2) for side in sides]
            top, left = (whole(0, n - part % 2, x) - part // 2 for n, part in zip(sides, size, strict=True))
            kept.append(~rectangle(x, top.where(chosen, sides[0]), left, size))
        for mask in kept[1:]:
            kept[0] = kept[0] & mask
        return x * kept[0] if kept else x
