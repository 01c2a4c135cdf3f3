"""Directions of w that samples change along: against the closed form, another library, and every network family."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from gansmith.config import parts
from gansmith.contracts import Architecture, Generator, GivenSpec, Spec
from gansmith.export.directions import COUNT, find_directions
from gansmith.networks.mlp import MLP
from gansmith.networks.stylegan2 import StyleGAN2
from test_networks import SMALL, awake

FAMILIES = parts(Architecture, "gansmith.networks")  # type: ignore[type-abstract]


def built(name: str, classes: int) -> Generator:
    given = GivenSpec(tuple(map(str, range(classes)))) if classes else None
    return awake(FAMILIES[name](**SMALL.get(name, {})), Spec((3, 16, 16), given))[0].eval()


@pytest.mark.parametrize("classes", [0, 3])
@pytest.mark.parametrize("name", FAMILIES)
def test_every_network_has_directions_that_matter(name: str, classes: int) -> None:
    generator = built(name, classes)
    found = find_directions(generator, classes)
    chance = torch.Generator().manual_seed(1)
    z = torch.randn(16, generator.latent_size, generator=chance)
    given = torch.arange(16) % classes if classes else None
    with torch.inference_mode():
        w = generator.mapping(z, given)
        plain = generator.synthesis(w, given)
        for kind in (found.principal, found.closed_form):
            assert 1 <= len(kind) <= COUNT
            assert torch.isfinite(kind).all()
            moved = w.clone()
            moved[..., : kind.shape[1]] += 3 * kind[0]
            assert float((generator.synthesis(moved, given) - plain).abs().mean()) > 1e-4


def test_closed_form_directions_are_the_first_layers_singular_vectors() -> None:
    generator = MLP(generator_widths=(32,), discriminator_widths=(8,), latent=12).build(Spec((1, 4, 4)))[0].eval()
    found = find_directions(generator, 0).closed_form
    first = next(m for m in generator.modules() if isinstance(m, nn.Linear))
    vectors = torch.linalg.svd(first.weight.detach().double()).Vh[:COUNT]
    unit = nn.functional.normalize(found.double(), dim=1)
    torch.testing.assert_close((unit * vectors).sum(1).abs(), torch.ones(COUNT, dtype=torch.float64), atol=1e-4, rtol=0)
    torch.testing.assert_close(found.norm(dim=1), torch.ones(COUNT), atol=0.15, rtol=0)  # w is standard normal here


def test_principal_directions_are_those_of_the_mapping() -> None:
    decomposition = pytest.importorskip("sklearn.decomposition")
    sizes = StyleGAN2(width=4, max_width=8, latent=16, mapping_layers=2)
    generator = sizes.build(Spec((3, 8, 8)))[0].eval()
    found = find_directions(generator, 0).principal
    with torch.inference_mode():
        z = torch.randn(500, 16, generator=torch.Generator().manual_seed(0))
        w = generator.mapping(z, None)[:, 0]
    wanted = decomposition.PCA(COUNT).fit(w.double().numpy())
    lengths = torch.from_numpy(wanted.explained_variance_).sqrt()
    torch.testing.assert_close(found.double().norm(dim=1), lengths, rtol=1e-3, atol=0)
    unit = nn.functional.normalize(found.double(), dim=1)
    alike = (unit * torch.from_numpy(wanted.components_)).sum(1).abs()
    assert float(alike[:5].min()) > 0.999
