"""Every penalty in gansmith.penalties, found by itself, against a quadratic critic whose gradient is known."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import scipy.fft
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
        score = self.a * x.double().square().flatten(1).sum(1) / 2
        classes, reconstruction = torch.stack([score, -score, 0 * score], 1), (self.a * x - x).abs().flatten(1).mean(1)
        return Verdict((score,), (x, self.a * x), classes=classes, reconstruction=reconstruction)


def step_of(penalty: Penalty, critic: nn.Module, real: Tensor, fake: Tensor) -> Step:
    if "latent" in penalty.needs:  # a generator as quadratic as the critic: image a w^2 / 2 of one w a pixel
        latent = fake.flatten(1).requires_grad_()
        fake = critic.a * latent.square().unflatten(1, fake.shape[1:]) / 2  # type: ignore[operator]
        memory = {"path_length": torch.tensor(0.4, dtype=torch.float64)}
        return Step("generator", critic, real, fake, latent=latent, memory=memory)
    real = real.clone().requires_grad_("real" in penalty.needs)
    player = "discriminator" if penalty.player == "both" else penalty.player
    given = torch.arange(len(real)) % 3
    return Step(player, critic, real, fake.clone().requires_grad_("fake" in penalty.needs), given)


def expected(name: str, a: float, real: Tensor, fake: Tensor) -> Tensor:
    if name == "r1":
        return 0.5 * (a * real).square().sum((1, 2, 3)).mean()
    if name == "r2":
        return 0.5 * (a * fake).square().sum((1, 2, 3)).mean()
    if name == "reconstruction":
        return abs(a - 1) * real.abs().mean()
    score = {"real": a * real.square().sum((1, 2, 3)) / 2, "fake": a * fake.square().sum((1, 2, 3)) / 2}
    if name == "lecam":  # in the first step each anchor is the mean itself
        return (score["real"] - score["fake"].mean()).square().mean() + (
            score["fake"] - score["real"].mean()
        ).square().mean()
    if name == "feature_matching":
        gap = (real.mean(0) - fake.mean(0)).abs().mean()
        return (gap + a * gap) / 2
    if name == "auxiliary":
        logits = torch.stack([score["real"], -score["real"], 0 * score["real"]], 1)
        return (logits.logsumexp(1) - logits[torch.arange(len(real)), torch.arange(len(real)) % 3]).mean()
    torch.manual_seed(3)
    if name == "finite_difference":  # D(x + eps n) - D(x) = a (eps x.n + eps^2 |n|^2 / 2), on four of five
        total = torch.zeros((), dtype=torch.float64)
        for x in (real[:4], fake[:4]):
            n = torch.randn_like(x)
            total += (a * ((x * n).sum((1, 2, 3)) + 0.03 * n.square().sum((1, 2, 3)) / 2)).square().mean() / 2
        return total
    if name == "consistency":
        total = torch.zeros((), dtype=torch.float64)
        for which, x in (("real", real), ("fake", fake)):
            moved = PENALTIES[name]()._moved(x)  # type: ignore[attr-defined]
            total += (score[which] - a * moved.square().sum((1, 2, 3)) / 2).square().mean()
        return total
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
    torch.testing.assert_close(value.double(), expected(name, 0.7, real, fake).double(), rtol=1e-7, atol=1e-12)


APART = {"weight_clip", "lecam"}  # no term; anchors that follow the critic as constants


@pytest.mark.parametrize("name", [n for n, p in PENALTIES.items() if n not in APART and p.player != "generator"])
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


@pytest.mark.parametrize("name", ["r1", "r2"])
@pytest.mark.parametrize("size", [(8, 8), (5, 12)], ids=str)
def test_r1_and_r2_weigh_frequencies_as_told(name: str, size: tuple[int, int]) -> None:
    """Against a cosine transform: each frequency's share of the gradient, weighed by its formula."""
    real, fake = torch.randn(2, 4, 3, *size, dtype=torch.float64)
    penalty = PENALTIES[name](finest=0.2)  # type: ignore[call-arg]
    waves = scipy.fft.dctn(0.7 * (real if name == "r1" else fake).numpy(), axes=(2, 3), norm="ortho")
    for axis in (2, 3):
        k = np.arange(waves.shape[axis]).reshape([-1 if i == axis else 1 for i in range(4)])
        waves = waves * (0.2 + 0.8 * np.cos(np.pi * k / (2 * waves.shape[axis])) ** 4)
    value = penalty(step_of(penalty, Quadratic(0.7), real, fake))
    assert value.item() == pytest.approx(0.5 * (waves**2).sum((1, 2, 3)).mean(), rel=1e-10)


def test_points_have_one_frequency() -> None:
    real, fake = torch.randn(2, 6, 2, dtype=torch.float64)
    values = [p(step_of(p, Quadratic(0.7), real, fake)) for p in (PENALTIES["r1"](), PENALTIES["r1"](finest=0.1))]  # type: ignore[call-arg]
    assert values[0] == values[1]


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


def test_a_discriminator_that_cannot_reconstruct_is_named() -> None:
    x = torch.randn(2, 3, 4, 4)
    step = Step("discriminator", lambda x, given: Verdict((x.sum((1, 2, 3)),)), x, x)
    with pytest.raises(ValueError, match=r"fastgan and architecture\.reconstruct = true"):
        PENALTIES["reconstruction"]()(step)


def test_finite_differences_are_r1_on_the_average() -> None:
    real = torch.randn(4, 2, 3, 3, dtype=torch.float64).repeat(1000, 1, 1, 1)
    fake = torch.zeros_like(real)
    of_reals = PENALTIES["finite_difference"](of="real", eps=1e-4, share=1.0)  # type: ignore[call-arg]
    r1 = PENALTIES["r1"]()
    value = of_reals(step_of(of_reals, Quadratic(0.7), real, fake))
    torch.testing.assert_close(value, r1(step_of(r1, Quadratic(0.7), real, fake)), rtol=0.1, atol=0)
    of_fakes = replace(of_reals, of="fake")  # type: ignore[call-arg]
    assert of_fakes(step_of(of_fakes, Quadratic(0.7), real, fake)) < 1e-6


def test_both_passes_of_a_finite_difference_draw_the_same() -> None:
    drawn = []

    def judge(x: Tensor, given: Tensor | None) -> Verdict:
        drawn.append(torch.rand(()).item())
        assert given is not None
        assert len(x) == len(given) == 8
        return Verdict((x.flatten(1).sum(1),))

    penalty = PENALTIES["finite_difference"]()
    penalty(Step("discriminator", judge, torch.randn(32, 1, 2, 2), torch.randn(32, 1, 2, 2), torch.zeros(32).long()))
    assert drawn[0] == drawn[1] != drawn[2] == drawn[3]
    assert torch.rand(()).item() not in drawn  # used up


def test_a_finite_difference_of_packed_scores_counts_samples() -> None:
    """Like `r1`, which sums over a pack's samples and averages over all of them."""
    real = torch.randn(4, 2, 1, 1, dtype=torch.float64).repeat(1000, 1, 1, 1)

    def judge(x: Tensor, given: Tensor | None) -> Verdict:
        packed = x.double().reshape(len(x) // 2, -1)
        return Verdict((packed.square().sum(1) / 2, packed.sum(1)))

    values = []
    for name, options in (("r1", {}), ("finite_difference", {"of": "real", "eps": 1e-4, "share": 1.0})):
        penalty = PENALTIES[name](**options)
        x = real.clone().requires_grad_()
        values.append(penalty(Step("discriminator", judge, x, real.clone(), together=False)))
    torch.testing.assert_close(values[1], values[0], rtol=0.1, atol=0)


def test_lecam_anchors_follow_the_scores_and_stay_in_memory() -> None:
    penalty = PENALTIES["lecam"](decay=0.9)  # type: ignore[call-arg]
    critic, memory = Quadratic(1.0), {}
    x = {scale: torch.full((2, 1, 1, 1), scale, dtype=torch.float64) for scale in (1.0, 2.0, 4.0)}  # scores .5, 2, 8
    penalty(Step("discriminator", critic, x[2.0], x[1.0], memory=memory))
    value = penalty(Step("discriminator", critic, x[4.0], x[2.0], memory=memory))
    real, fake = 0.9 * 2 + 0.1 * 8, 0.9 * 0.5 + 0.1 * 2
    torch.testing.assert_close(value.item(), (8 - fake) ** 2 + (2 - real) ** 2)
    (slope,) = torch.autograd.grad(value, critic.a)
    torch.testing.assert_close(slope.item(), 2 * (8 - fake) * 8 + 2 * (2 - real) * 2)  # the anchors are constants
    # a constant added to all scores changes nothing: relativistic losses leave it open
    shifted = {"lecam/anchors": memory["lecam/anchors"] + 5}
    plus = lambda x, given: Verdict(tuple(s + 5 for s in critic(x).scores))  # noqa: E731
    terms = [
        penalty(Step("discriminator", judge, x[1.0], x[2.0], memory=held))
        for judge, held in ((critic, dict(memory)), (plus, shifted))
    ]
    torch.testing.assert_close(*terms)


def test_consistency_asks_for_equal_scores_of_moved_pictures() -> None:
    penalty = PENALTIES["consistency"]()
    real, fake = torch.randn(2, 6, 3, 16, 16).unbind(0)
    mean = lambda x, given: Verdict((x.flatten(1).mean(1) * 0,))  # noqa: E731
    assert penalty(Step("discriminator", mean, real, fake)) == 0
    corner = lambda x, given: Verdict((x[:, 0, 0, 0],))  # noqa: E731
    both = penalty(Step("discriminator", corner, real, fake))
    assert both > 0
    assert replace(penalty, of="real")(Step("discriminator", corner, real, fake)) < both  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="consistency is for pictures"):
        penalty(Step("discriminator", mean, torch.randn(4, 2), torch.randn(4, 2)))
    still = replace(penalty, move=0.0, mirror=False)  # type: ignore[call-arg]
    assert still(Step("discriminator", corner, real, fake)) == 0
    assert replace(still, mirror=True)(Step("discriminator", corner, real, fake)) > 0  # type: ignore[call-arg]


def test_feature_matching_pulls_the_fakes_alone() -> None:
    penalty = PENALTIES["feature_matching"]()
    real = torch.randn(4, 1, 2, 2, dtype=torch.float64, requires_grad=True)
    fake = torch.randn(4, 1, 2, 2, dtype=torch.float64, requires_grad=True)
    (pull,) = torch.autograd.grad(penalty(Step("generator", Quadratic(0.5), real, fake)), fake)
    expected = (fake.mean(0) - real.mean(0)).sign() * 1.5 / 2 / 4 / 4  # two layers, four features, four samples
    torch.testing.assert_close(pull, expected.expand(4, 1, 2, 2).detach())
    with pytest.raises(ValueError, match="needs a discriminator with hidden layers"):
        penalty(Step("generator", lambda x, given: Verdict((x.flatten(1).sum(1),)), real, fake))


def test_auxiliary_has_a_term_for_each_player() -> None:
    penalty = PENALTIES["auxiliary"]()
    real, fake = torch.randn(2, 6, 1, 2, 2, dtype=torch.float64).unbind(0)
    critic, given = Quadratic(0.5), torch.tensor([0, 1, 2, 0, 1, 2])

    def term(x: Tensor) -> Tensor:
        logits = critic(x).classes
        assert logits is not None
        return nn.functional.cross_entropy(logits, given)

    torch.testing.assert_close(penalty(Step("discriminator", critic, real, fake, given)), term(real))
    torch.testing.assert_close(penalty(Step("generator", critic, real, fake, given)), term(fake))
    both = replace(penalty, of="both")  # type: ignore[call-arg]
    torch.testing.assert_close(both(Step("discriminator", critic, real, fake, given)), term(real) + term(fake))
    torch.testing.assert_close(both(Step("generator", critic, real, fake, given)), term(fake))
    for judge, told in ((critic, None), (lambda x, given: Verdict((x.flatten(1).sum(1),)), given)):
        with pytest.raises(ValueError, match="auxiliary needs classes and a discriminator that tells them"):
            penalty(Step("generator", judge, real, fake, told))


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("finite_difference", {"eps": 0.0}, "eps must be above 0"),
        ("finite_difference", {"share": 1.5}, "share must be above 0 and at most 1"),
        ("r1", {"finest": 1.5}, "finest must be from 0 to 1"),
        ("r2", {"finest": -0.1}, "finest must be from 0 to 1"),
        ("lecam", {"decay": 1.0}, "decay must be at least 0 and below 1"),
        ("consistency", {"move": 0.6}, "move must be a share"),
    ],
)
def test_own_fields_are_checked(name: str, options: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PENALTIES[name](**options)


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
