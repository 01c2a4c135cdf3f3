"""Vanishing gradients: nothing reaches the generator, so it stands still.

Where the discriminator is sure, log(1 - D(G(z))) is flat (Goodfellow et al. 2014, section 3; Arjovsky & Bottou 2017,
arXiv 1701.04862, theorem 2.4). The share that passes the loss is |d loss_G / d D(fake)|. Gradients die behind it too,
where the generator's output saturates or its units are dead: then its gradient's norm falls by orders of magnitude.
"""

from __future__ import annotations

from dataclasses import dataclass

from gansmith.alarms.watch import Alarm, Signs, Watch


@dataclass(frozen=True)
class Vanishing(Watch):
    """`push`: share that passes the loss; `fall`: norm of the generator's gradient, of its largest so far.

    Over healthy trainings the push stays above 0.4, and the norm falls to a twentieth at most.
    """

    push: float = 0.01
    fall: float = 1e-3

    def look(self, signs: Signs, ease: float = 1.0) -> Alarm | None:
        now, strongest = signs.now, signs.best.gradient
        winning = now.separation is not None and now.separation > 0  # else it is the discriminator that is too weak
        if now.push is not None and now.push * ease < self.push and winning:
            return Alarm(
                "alarm",
                {"push": now.push, "separation": now.separation or 0.0},
                f"Only {now.push:.1e} of the gradient passes the generator's loss: the discriminator is so sure that "
                "the loss is flat there.",
                "Start a new run with a loss that does not saturate (--set loss.name=non_saturating, or relativistic) "
                "and with --set penalty.r1.weight=1, which keeps the discriminator from being sure.",
            )
        if now.gradient is None or not strongest or now.gradient * ease >= self.fall * strongest:
            return None
        return Alarm(
            "alarm",
            {"gradient": now.gradient, "strongest_gradient": strongest},
            f"The generator's gradient has fallen from {strongest:.2g} to {now.gradient:.2g}: it no longer learns.",
            "Start a new run with a lower --set optimizer.generator.lr=1e-4, and with --set architecture.output=linear "
            "where pictures have plain backgrounds (a tanh sticks at its ends), or take --recipe auto.",
        )
