"""Pictures seen through an affine map, bilinear, differentiable as often as one likes.

For a given map, sampling is linear in the picture: its derivative is the transposed map, and that one's derivative is
sampling again. (torch before 2.13 cannot differentiate `grid_sample` twice, which gradient penalties need.)
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

_BILINEAR, _REFLECTION = 0, 2  # as torch.ops.aten counts them


def affine(x: Tensor, maps: Tensor) -> Tensor:
    """`x` [B, C, H, W] seen through `maps` [B, 3, 3]: the pixel at v shows what lies at `maps` v in `x`.

    v is (right, down, 1) in pixels from the picture's centre. Outside, the picture is mirrored at its edges.
    """
    height, width = x.shape[2:]
    half = torch.tensor([width / 2, height / 2, 1.0], dtype=maps.dtype, device=maps.device)
    theta = (maps * half / half[:, None])[:, :2]  # sides from -1 to 1
    grid = functional.affine_grid(theta, list(x.shape), align_corners=False)
    sampled: Tensor = _Sample.apply(x, grid.to(x.dtype))  # type: ignore[no-untyped-call]
    return sampled


class _Sample(torch.autograd.Function):
    """x [B, C, H, W] at grid [B, H, W, 2]."""

    @staticmethod
    def forward(x: Tensor, grid: Tensor) -> Tensor:
        return functional.grid_sample(x, grid, "bilinear", "reflection", align_corners=False)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(inputs[1])
        ctx.shape = inputs[0].shape

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return _Spread.apply(gradient, *ctx.saved_tensors, ctx.shape), None  # type: ignore[no-untyped-call]


class _Spread(torch.autograd.Function):
    """The transposed map: each value goes, in shares, to the pixels that it was sampled from."""

    @staticmethod
    def forward(value: Tensor, grid: Tensor, shape: torch.Size) -> Tensor:
        like = value.new_zeros(shape)
        back: tuple[Tensor, Tensor] = torch.ops.aten.grid_sampler_2d_backward(
            value.contiguous(), like, grid, _BILINEAR, _REFLECTION, False, [True, False]
        )
        return back[0]

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, torch.Size], output: Tensor) -> None:
        ctx.save_for_backward(inputs[1])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return _Sample.apply(gradient, *ctx.saved_tensors), None, None  # type: ignore[no-untyped-call]
