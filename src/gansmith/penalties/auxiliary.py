"""The class terms of an auxiliary classifier (Odena et al. 2017, ACGAN, arXiv 1610.09585, equation 3).

The discriminator learns to tell the class with its second head, the generator to make pictures of which it is told.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor
from torch.nn.functional import cross_entropy

from gansmith.contracts import Penalty, PlayerName, Schedule, Step, Verdict


@dataclass(frozen=True)
class Auxiliary(Penalty):
    """Cross-entropy of the classes: on the fakes for the generator, on the reals for the discriminator.

    With `of` "both", as in the paper, the discriminator learns on the fakes too, added: on bad fakes it then learns
    classes that are not there, so later practice leaves them out. Needs `critic.auxiliary` in the architecture.
    """

    player: ClassVar[PlayerName | Literal["both"]] = "both"
    weight: Schedule = Schedule(1.0)
    every: int = 1
    of: Literal["real", "both"] = "real"

    def __call__(self, step: Step) -> Tensor:
        if step.player == "generator":
            return _told(step.fake_verdict, step.given)
        term = _told(step.real_verdict, step.given)
        return term + _told(step.fake_verdict, step.given) if self.of == "both" else term


def _told(verdict: Verdict, given: Tensor | None) -> Tensor:
    if verdict.classes is None or given is None:
        raise ValueError(
            "the penalty auxiliary needs classes and a discriminator that tells them: train with --classes and "
            "--set architecture.critic.auxiliary=true, or leave the penalty out"
        )
    return cross_entropy(verdict.classes, given)
