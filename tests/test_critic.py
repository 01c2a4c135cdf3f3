"""What can be added to any discriminator: each formula, each network, and that a duel learns with it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from gansmith.config import build, parts
from gansmith.contracts import Architecture, Batch, Clock, GivenSpec, Loss, Schedule, Spec
from gansmith.data.given import clustered
from gansmith.errors import RecipeError
from gansmith.games.duel import Duel
from gansmith.games.player import Optimizer, Player
from gansmith.games.seeds import step_seed
from gansmith.layers.classes import LatentWithClass, Told
from gansmith.layers.critic import Critic, Head, Packed, spread_of_groups
from gansmith.networks.mlp import MLP
from gansmith.recipe import Recipe
from test_networks import awake

NETWORKS = parts(Architecture, "gansmith.networks")  # type: ignore[type-abstract]
LOSSES = parts(Loss, "gansmith.losses")  # type: ignore[type-abstract]
SPEC, CLASSES = Spec((3, 16, 16)), Spec((3, 16, 16), GivenSpec(("a", "b", "c")))
EVERY = {
    "minibatch_stddev": Critic(minibatch_stddev=4),
    "packing": Critic(packing=2),
    "san": Critic(san=True),
    "spectral_norm": Critic(spectral_norm=True),
    "all": Critic(4, 2, True, True),
}


def small(name: str, **options: Any) -> Architecture:
    widths = {"width": 8, "base_channels": 8, "generator_widths": (16,), "discriminator_widths": (16,), "latent": 8}
    cls: Any = NETWORKS[name]
    known = {key: value for key, value in widths.items() if key in cls.__dataclass_fields__}
    own: Architecture = cls(**known, **options)
    return own


def test_every_network_takes_them() -> None:
    assert all("critic" in cls.__dataclass_fields__ for cls in NETWORKS.values())  # type: ignore[attr-defined]


@pytest.mark.parametrize("critic", EVERY.values(), ids=EVERY)
@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_learns_with_each(name: str, critic: Critic) -> None:
    torch.manual_seed(0)
    generator, discriminator = small(name, critic=critic).build(SPEC)
    before = [p.clone() for p in discriminator.parameters()]
    players = Player(generator, Optimizer()), Player(discriminator, Optimizer(lr=Schedule(1e-2)))
    game = Duel(*players, LOSSES["relativistic"]())
    for step in range(2):
        assert game.step(Batch(torch.randn(8, *SPEC.shape)), Clock(8 * step, 0.0, step)).finite
    for (key, after), old in zip(discriminator.named_parameters(), before, strict=True):
        assert not torch.equal(after, old) or key.endswith("bias"), f"{key} did not learn"


def test_the_projection_is_the_papers_formula() -> None:
    head = Head(6, (3,), Critic()).double()
    h, y = torch.randn(4, 6, dtype=torch.float64), torch.tensor([0, 2, 1, 2])
    assert head.embed is not None
    told = torch.stack([head.embed.weight[y[i]] @ h[i] for i in range(4)])
    want = h @ head.score.weight[0] + head.score.bias + told
    assert torch.allclose(head(h, y).scores[0], want, rtol=1e-12)
    plain = Head(6, (), Critic())
    assert torch.equal(plain(h.float(), y).scores[0], plain(h.float(), None).scores[0])
    with pytest.raises(ValueError, match="class index"):
        head(h, None)


def test_facets_are_told_one_after_the_other() -> None:
    facets = clustered((0.5, 0.5), (0.2, 0.3, 0.5), (0.1, 0.2, 0.3, 0.4))
    a, b, c = torch.tensor([1, 0]), torch.tensor([0, 2]), torch.tensor([3, 1])
    y = (3 * a + b) * 4 + c
    head = Head(6, facets.sizes, Critic()).double()
    assert head.embed is not None
    of_a, of_b, of_c = head.embed.weight.split(facets.sizes)
    h = torch.randn(2, 6, dtype=torch.float64)
    want = h @ head.score.weight[0] + head.score.bias + ((of_a[a] + of_b[b] + of_c[c]) * h).sum(1)
    assert torch.allclose(head(h, y).scores[0], want, rtol=1e-12)
    latent = LatentWithClass(5, facets.sizes)
    assert latent.embed is not None
    z, rows = torch.randn(2, 5), latent.embed.weight.split(facets.sizes)
    parts = [functional.normalize(row[k], dim=1) for row, k in zip(rows, (a, b, c), strict=True)]
    assert torch.equal(latent(z, y), torch.cat([z, *parts], dim=1))
    assert latent.size == 20


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_is_told_every_facet(name: str) -> None:
    torch.manual_seed(0)
    spec = Spec((3, 16, 16), clustered((0.5, 0.5), (0.2, 0.3, 0.5)))
    generator, discriminator = awake(small(name), spec)
    for module in generator.modules():
        if isinstance(module, Told):
            nn.init.normal_(module.weight)  # some start alike for every group
    z = torch.randn(1, generator.latent_size).expand(6, -1)
    with torch.no_grad():
        x = generator.eval()(z, torch.arange(6)).flatten(1)
        scores = discriminator.eval()(torch.ones(6, 3, 16, 16), torch.arange(6)).scores[0][:, None]
    for made in (x, scores):
        assert float((torch.cdist(made, made) + torch.eye(6)).min()) > 1e-6
    with pytest.raises(ValueError, match="each channel"):
        small(name, critic=Critic(auxiliary=True)).build(spec)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("spec", [SPEC, CLASSES], ids=["alone", "classes"])
def test_scores_far_from_0_keep_their_differences_in_bfloat16(name: str, spec: Spec) -> None:
    torch.manual_seed(0)
    _, network = small(name).build(Spec((2,), spec.given) if name == "mlp" else spec)
    x = torch.randn(8, *((2,) if name == "mlp" else spec.shape))
    given = torch.arange(8) % 3 if spec.given else None
    head: Any = network.head
    network.eval()
    scores = []
    for drift in (0.0, 40.0):
        nn.init.constant_(head.score.bias, drift)
        with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
            scores.append(network(x, given).scores[0] - drift)
    assert scores[0].dtype == torch.float32
    assert scores[0].std() > 0
    assert torch.allclose(scores[0], scores[1], atol=1e-4)


def test_minibatch_stddev_tells_a_collapsed_group() -> None:
    h = torch.randn(8, 5, dtype=torch.float64)
    h[4:] = h[4]
    spread = spread_of_groups(h, 4)[:, 0]
    want = ((h[:4] - h[:4].mean(0)) ** 2).mean(0).sqrt().mean()
    torch.testing.assert_close(spread[:4], want.expand(4), rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(spread[4:], torch.full((4,), 1e-4, dtype=torch.float64))
    assert spread_of_groups(h[:3], 4).shape == (3, 1)


def test_groups_never_mix_reals_and_fakes() -> None:
    """One concatenated pass gives the scores of two separate ones."""
    _, discriminator = MLP(critic=Critic(minibatch_stddev=4, packing=2)).build(SPEC)
    real, fake = torch.randn(2, 8, *SPEC.shape)
    both = discriminator(torch.cat([real, fake])).split()
    torch.testing.assert_close(both[0].scores[0], discriminator(real).scores[0])
    torch.testing.assert_close(both[1].scores[0], discriminator(fake).scores[0])


def test_packing_judges_samples_together() -> None:
    _, discriminator = MLP(critic=Critic(packing=4)).build(SPEC)
    assert isinstance(discriminator, Packed)
    x = torch.randn(8, *SPEC.shape)
    assert discriminator(x).scores[0].shape == (2,)
    torch.testing.assert_close(discriminator(x[4:]).scores[0], discriminator(x).scores[0][1:])
    with pytest.raises(ValueError, match="multiple"):
        discriminator(x[:6])
    with pytest.raises(ValueError, match="without classes"):
        MLP(critic=Critic(packing=2)).build(CLASSES)


def test_san_teaches_features_and_direction_apart() -> None:
    head = Head(6, (3,), Critic(san=True))
    h, y = torch.randn(4, 6, requires_grad=True), torch.tensor([0, 2, 1, 2])
    verdict = head(h, y)
    assert head.embed is not None
    direction = nn.functional.normalize(head.score.weight + head.embed(y).sum(1), dim=1)
    torch.testing.assert_close(verdict.scores[0], (h * direction).sum(1))
    torch.testing.assert_close(verdict.directions[0], verdict.scores[0])
    of_score = torch.autograd.grad(verdict.scores[0].sum(), [h, head.score.weight], allow_unused=True)
    assert of_score[0].any()
    assert of_score[1] is None
    of_direction = torch.autograd.grad(verdict.directions[0].sum(), [h, head.score.weight], allow_unused=True)
    assert of_direction[0] is None
    assert of_direction[1].any()


def test_the_direction_learns_the_wasserstein_objective() -> None:
    """After one SGD step w has moved along mean h(real) - mean h(fake), projected off w (SAN, eq. 14)."""
    generator, discriminator = MLP((8,), (), latent=4, critic=Critic(san=True)).build(Spec((2,)))
    head: Any = discriminator.head
    before = head.score.weight.detach().clone()
    players = (
        Player(generator, Optimizer("sgd", Schedule(1e-12))),
        Player(discriminator, Optimizer("sgd", Schedule(0.1))),
    )
    game = Duel(*players, LOSSES["hinge"](), seed=3)
    real = torch.randn(8, 2) + 3
    game.step(Batch(real), Clock())
    torch.manual_seed(step_seed(3, 0))
    with torch.no_grad():
        fake = generator(torch.randn(8, 4))
    w = before.double().requires_grad_()
    direction = nn.functional.normalize(w, dim=1)
    loss = (fake.double() @ direction.T).mean() - (real.double() @ direction.T).mean()
    want = before - 0.1 * torch.autograd.grad(loss, w)[0]
    torch.testing.assert_close(head.score.weight.detach().double(), want.double(), rtol=1e-5, atol=1e-6)


def test_spectral_norm_bounds_every_weight() -> None:
    _, discriminator = MLP(critic=Critic(spectral_norm=True)).build(SPEC)
    for _ in range(50):
        discriminator(torch.randn(2, *SPEC.shape))
    for module in discriminator.modules():
        if isinstance(module, nn.Linear):
            assert torch.linalg.matrix_norm(module.weight.detach(), 2).item() == pytest.approx(1, abs=0.05)


def test_the_auxiliary_classifier_replaces_being_told() -> None:
    _, discriminator = MLP(critic=Critic(auxiliary=True)).build(CLASSES)
    verdict = discriminator(torch.randn(4, *SPEC.shape), torch.tensor([0, 1, 2, 0]))
    assert verdict.classes is not None
    assert verdict.classes.shape == (4, 3)
    assert torch.equal(verdict.split()[1].classes, verdict.classes[2:])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="needs classes"):
        MLP(critic=Critic(auxiliary=True)).build(SPEC)


def test_recipes_say_them_in_a_table_and_batches_must_fit() -> None:
    table: dict[str, Any] = {
        "name": "x",
        "data": {"name": "images", "path": "somewhere"},
        "architecture": {"name": "mlp", "critic": {"packing": 2, "minibatch_stddev": 4}},
        "loss": {"name": "hinge"},
        "train": {"batch": 16},
    }
    recipe = Recipe.from_table(table)
    assert recipe.architecture == MLP(critic=Critic(4, 2))
    assert Recipe.from_table(recipe.to_table()) == recipe
    with pytest.raises(RecipeError, match=r"multiple of 8.*try 16"):
        Recipe.from_table({**table, "train": {"batch": 12}})
    with pytest.raises(RecipeError, match="packing"):
        build(Architecture, {"name": "mlp", "critic": {"packing": 3}}, "[architecture]")  # type: ignore[type-abstract]
    assert replace(recipe, train=replace(recipe.train, batch=24)).train.batch == 24
