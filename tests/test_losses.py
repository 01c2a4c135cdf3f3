"""Every loss in gansmith.losses, found by itself: the formula in float64, gradients, and what it is for."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits as bce

from gansmith.config import parts
from gansmith.contracts import Loss

LOSSES = parts(Loss, "gansmith.losses")  # type: ignore[type-abstract]


def written_out(name: str, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """(discriminator's, generator's) loss from the papers' formulas, with sigmoids and logarithms spelt out."""
    r, f = torch.sigmoid(real), torch.sigmoid(fake)
    if name == "minimax":
        return -(r.log().mean() + (1 - f).log().mean()), (1 - f).log().mean()
    if name == "non_saturating":
        return -(r.log().mean() + (1 - f).log().mean()), -f.log().mean()
    if name == "least_squares":
        return 0.5 * ((real - 1) ** 2).mean() + 0.5 * (fake**2).mean(), 0.5 * ((fake - 1) ** 2).mean()
    if name == "hinge":
        return (1 - real).clamp(min=0).mean() + (1 + fake).clamp(min=0).mean(), -fake.mean()
    if name == "wasserstein":
        return fake.mean() - real.mean(), -fake.mean()
    if name == "relativistic":
        return -torch.sigmoid(real - fake).log().mean(), -torch.sigmoid(fake - real).log().mean()
    if name == "relativistic_average":
        above, below = torch.sigmoid(real - fake.mean(0)), torch.sigmoid(fake - real.mean(0))
        return (
            -above.log().mean() - (1 - below).log().mean(),
            -below.log().mean() - (1 - above).log().mean(),
        )
    raise AssertionError(f"write the formula of the new loss '{name}' into this test")


@pytest.mark.parametrize("shape", [(7,), (5, 1, 3, 3)])
@pytest.mark.parametrize("name", LOSSES)
def test_formula_in_float64(name: str, shape: tuple[int, ...]) -> None:
    real, fake = torch.randn(2, *shape, dtype=torch.float64) * 2
    loss = LOSSES[name]()
    discriminator, generator = written_out(name, real, fake)
    torch.testing.assert_close(loss.discriminator(real, fake), discriminator, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(loss.generator(real, fake), generator, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", LOSSES)
def test_directions(name: str) -> None:
    """D's loss pushes reals up and fakes down; G's pushes fakes up. At zero every loss is still awake."""
    loss = LOSSES[name]()
    real, fake = torch.zeros(4, requires_grad=True), torch.zeros(4, requires_grad=True)
    r, f = torch.autograd.grad(loss.discriminator(real, fake), (real, fake))
    assert (r < 0).all()
    assert (f >= 0).all() if name == "least_squares" else (f > 0).all()
    (g,) = torch.autograd.grad(loss.generator(real, fake), fake)
    assert (g < 0).all()


@pytest.mark.parametrize("name", LOSSES)
def test_extreme_scores_stay_finite(name: str) -> None:
    scores = torch.tensor([-1e4, -100.0, 100.0, 1e4], requires_grad=True)
    for value in (
        LOSSES[name]().discriminator(scores, scores.flip(0)),
        LOSSES[name]().generator(scores.flip(0), scores),
    ):
        assert torch.isfinite(value)
        assert torch.isfinite(torch.autograd.grad(value, scores, retain_graph=True)[0]).all()


@pytest.mark.parametrize("name", [n for n, c in LOSSES.items() if not c.compares])
def test_generator_needs_no_reals(name: str) -> None:
    fake = torch.randn(6)
    assert LOSSES[name]().generator(fake[:0], fake) == LOSSES[name]().generator(torch.randn(6), fake)


@pytest.mark.parametrize("name", [n for n, c in LOSSES.items() if hasattr(c, "smoothing")])
def test_smoothing_is_cross_entropy_with_a_soft_target(name: str) -> None:
    real, fake = torch.randn(2, 9, dtype=torch.float64)
    expected = bce(real, torch.full_like(real, 0.9)) + bce(fake, torch.zeros_like(fake))
    torch.testing.assert_close(LOSSES[name](smoothing=0.1).discriminator(real, fake), expected)
    with pytest.raises(ValueError, match="smoothing must be in"):
        LOSSES[name](smoothing=0.7)


def test_the_issue_s_losses_are_there() -> None:
    wanted = {"minimax", "non_saturating", "least_squares", "hinge", "wasserstein", "relativistic"}
    assert wanted <= set(LOSSES)
