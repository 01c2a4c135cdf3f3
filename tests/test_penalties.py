"""Every penalty in gansmith.penalties, found by itself, against a quadratic critic whose gradient is known."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from gansmith.config import parts
from gansmith.contracts import Penalty, Schedule, Step, Verdict

PENALTIES = parts(Penalty, "gansmith.penalties")  # type: ignore[type-abstract]


class Quadratic(nn.Module):
    """D(x) = a |x|^2 / 2 summed over all but the batch: gradient a x."""

    def __init__(self, a: float) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.tensor(a, dtype=torch.float64))

    def forward(self, x: Tensor, given: Tensor | None = None) -> Verdict:
        return Verdict((self.a * x.double().square().flatten(1).sum(1) / 2,))


def step_of(penalty: Penalty, critic: nn.Module, real: Tensor, fake: Tensor) -> Step:
    if "latent" in penalty.needs:  # a generator as quadratic as the critic: image a w^2 / 2 of one w a pixel
        latent = fake.flatten(1).requires_grad_()
        fake = critic.a * latent.square().unflatten(1, fake.shape[1:]) / 2  # type: ignore[operator]
        memory = {"path_length": torch.tensor(0.4, dtype=torch.float64)}
        return Step("generator", critic, real, fake, latent=latent, memory=memory)
    real = real.clone().requires_grad_("real" in penalty.needs)
    return Step("discriminator", critic, real, fake.clone().requires_grad_("fake" in penalty.needs))


def expected(name: str, a: float, real: Tensor, fake: Tensor) -> Tensor:
    if name == "r1":
        return 0.5 * (a * real).square().sum((1, 2, 3)).mean()
    if name == "r2":
        return 0.5 * (a * fake).square().sum((1, 2, 3)).mean()
    torch.manual_seed(3)
    if name == "path_length":
        slope = a * fake * torch.randn_like(fake) / math.sqrt(math.prod(fake.shape[2:]))
        return (slope.square().sum((1, 2, 3)).sqrt() - 0.4).square().mean()
    share = torch.rand(len(real), 1, 1, 1, dtype=real.dtype)
    if name == "gradient_penalty":
        x = real + share * (fake - real)
    elif name == "dragan":
        x = real + share * 0.5 * real.std() * torch.randn_like(real)
    elif name == "weight_clip":
        return torch.zeros((), dtype=torch.float64)
    else:
        raise AssertionError(f"write the formula of the new penalty '{name}' into this test")
    return ((a * x).double().square().sum((1, 2, 3)).sqrt() - 1).square().mean()


@pytest.mark.parametrize("name", PENALTIES)
def test_formula(name: str) -> None:
    real, fake = torch.randn(2, 5, 3, 4, 4, dtype=torch.float64)
    penalty = PENALTIES[name]()
    torch.manual_seed(3)
    value = penalty(step_of(penalty, Quadratic(0.7), real, fake))
    torch.testing.assert_close(value.double(), expected(name, 0.7, real, fake).double(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", [n for n in PENALTIES if n != "weight_clip"])
def test_gradient_reaches_the_critic(name: str) -> None:
    """d(penalty)/d(a) by autograd equals a finite difference: the double backward is right."""
    real, fake = torch.randn(2, 4, 2, 3, 3, dtype=torch.float64)
    penalty = PENALTIES[name]()

    def value(a: float) -> tuple[Tensor, Quadratic]:
        torch.manual_seed(5)
        critic = Quadratic(a)
        return penalty(step_of(penalty, critic, real, fake)), critic

    term, critic = value(0.9)
    term.backward()
    eps = 1e-6
    difference = (value(0.9 + eps)[0] - value(0.9 - eps)[0]) / (2 * eps)
    assert critic.a.grad is not None
    torch.testing.assert_close(critic.a.grad.double(), difference.detach().double(), rtol=1e-5, atol=1e-7)


def test_both_gradients_come_from_one_backward_pass() -> None:
    calls = []

    class Counting(Quadratic):
        def forward(self, x: Tensor, given: Tensor | None = None) -> Verdict:
            calls.append(len(x))
            return super().forward(x, given)

    real, fake = torch.randn(2, 4, 1, 2, 2).unbind(0)
    step = Step("discriminator", Counting(1.0), real.requires_grad_(), fake.requires_grad_())
    torch.testing.assert_close(step.gradient("real"), real)
    torch.testing.assert_close(step.gradient("fake"), fake)
    assert calls == [8]


def test_weight_clip_clips_after_the_update() -> None:
    network = nn.Linear(20, 20)
    penalty = PENALTIES["weight_clip"](limit=0.05)  # type: ignore[call-arg]
    penalty.after_update(network)
    assert all(p.abs().max() <= 0.05 for p in network.parameters())
    with pytest.raises(ValueError, match="limit must be above 0"):
        replace(penalty, limit=0.0)  # type: ignore[call-arg]


@pytest.mark.parametrize("name", PENALTIES)
def test_ranges_are_checked(name: str) -> None:
    with pytest.raises(ValueError, match="every must be"):
        PENALTIES[name](every=0)  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="weight must be"):
        PENALTIES[name](weight=Schedule(1.0, -1.0))  # type: ignore[call-arg]


def test_path_lengths_mean_follows_and_layers_are_averaged() -> None:
    penalty = PENALTIES["path_length"](decay=0.75)  # type: ignore[call-arg]
    w = torch.randn(6, 5, 3, dtype=torch.float64, requires_grad=True)  # 5 layers, of which 4 do nothing
    step = Step("generator", Quadratic(1.0), w[:, 0], 2 * w[:, 0], latent=w)
    torch.manual_seed(2)
    value = penalty(step)
    torch.manual_seed(2)
    lengths = 2 * torch.randn(6, 3, dtype=torch.float64).norm(dim=1) / math.sqrt(5)
    torch.testing.assert_close(value, lengths.var(correction=0))  # the first mean is the first lengths'
    torch.testing.assert_close(step.memory["path_length"], lengths.mean())
    step.memory["path_length"] = torch.tensor(1.0)
    torch.manual_seed(2)
    torch.testing.assert_close(penalty(step), (lengths - 1).square().mean())
    torch.testing.assert_close(step.memory["path_length"], 0.75 + 0.25 * lengths.mean())
    with pytest.raises(ValueError, match="decay must be"):
        PENALTIES["path_length"](decay=1.0)  # type: ignore[call-arg]
