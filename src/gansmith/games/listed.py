"""A step's gradients as one straight list of operations, first and second derivatives included.

The players' gradients are traced once, below autograd: what remains are the operations that autograd has chosen, in
their order, and no question of gradients. "listed" runs them one by one, to the bit as before, without autograd's
bookkeeping, which is a tenth of a small step. "compiled" gives them to torch.compile, which cannot differentiate twice
what it has compiled, as gradient penalties ask, but has nothing to differentiate here; on a GPU it replays them as a
CUDA graph (mode "reduce-overhead").

Weights, buffers and whatever changes from step to step are inputs; the rest (which penalties are due, the shapes) is
part of the list, and each combination has one of its own.
"""

from __future__ import annotations

import contextlib
import copy
import importlib
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.fx.experimental.proxy_tensor import make_fx

from gansmith.contracts import Batch, Clock
from gansmith.errors import RecipeError
from gansmith.games.parts import Part
from gansmith.games.player import Take
from gansmith.games.tally import Tally
from gansmith.layers.synchronised import SynchronisedBatchNorm2d

if TYPE_CHECKING:
    from gansmith.games.duel import Duel


def listed(game: Duel, execution: str) -> Listed | None:
    """What does `game.play` where `execution` is "listed" or "compiled".

    None where it is not, or where networks ask other processes within a pass, which no list can.
    """
    networks = [player.network for player in game.players.values()]
    asks = any(isinstance(module, SynchronisedBatchNorm2d) for network in networks for module in network.modules())
    return Listed(game, execution == "compiled") if execution in ("listed", "compiled") and not asks else None


class Listed:
    """In place of `Duel.play`: its operations one by one, or `compiled` by torch.compile."""

    def __init__(self, game: Duel, compiled: bool = False) -> None:
        importlib.import_module("torch._inductor")  # a second or more, which the first trace would take otherwise
        self._game, self._compiled = game, compiled
        self._known: dict[tuple[Any, ...], _List] = {}

    def __deepcopy__(self, memo: dict[int, Any]) -> Listed:
        return Listed(copy.deepcopy(self._game, memo), self._compiled)

    def __call__(self, part: Part, clock: Clock, tally: Tally) -> None:
        """Both players' gradients for one part, added to what they have; as `Duel.play`, which does what cannot be
        listed: steps in which the generator pays penalties of its own."""
        game = self._game
        if game.turns.moves(clock) and not game.turns.tells(clock):
            return game.play(part, clock, tally)
        due = tuple(p in game.turns.due("discriminator", clock) for p in game.penalties)
        told = None if part.batch.given is None else part.batch.given.dtype
        key = (game.turns.moves(clock), due, part.batch.real.shape, told, part.share)
        if key not in self._known:
            self._known[key] = _List(game, part, clock, self._compiled)
        return self._known[key](part, tally)


class _List:
    """The list for one combination."""

    def __init__(self, game: Duel, part: Part, clock: Clock, compiled: bool) -> None:
        networks = {name: player.network for name, player in game.players.items()}
        self._game, self._both = game, nn.ModuleDict(networks)
        self._there: list[bool] = []  # which parameters have a gradient
        self._tags: list[str] = []
        state = [t.detach().clone() for t in self._state()]  # tracing takes a step, which must leave no trace
        devices = [part.batch.real.device] if part.batch.real.is_cuda else []
        with torch.random.fork_rng(devices):
            graph = make_fx(self._function(part, clock))(*state, *self._inputs(part))
        self._replayed = compiled and part.batch.real.is_cuda
        mode = "reduce-overhead" if self._replayed else None
        self._run: Callable[..., list[Tensor]] = torch.compile(graph, mode=mode) if compiled else graph

    def __call__(self, part: Part, tally: Tally) -> None:
        with torch.no_grad():
            found = self._run(*(t.detach() for t in self._state()), *self._inputs(part))
        # a CUDA graph writes into the same places again
        values = [t.clone() for t in found] if self._replayed else list(found)
        for p, there in zip(self._both.parameters(), self._there, strict=True):
            if there:
                gradient = values.pop(0)
                p.grad = gradient if p.grad is None else p.grad + gradient
        for tag, value in zip(self._tags, values, strict=True):
            tally.add(tag, value)

    def _state(self) -> list[Tensor]:
        return [*self._both.parameters(), *self._both.buffers()]

    def _inputs(self, part: Part) -> list[Tensor]:
        real, device = part.batch.real, part.batch.real.device
        told = [] if part.batch.given is None else [part.batch.given]
        weights = torch.tensor(self._game.weights, dtype=real.dtype).to(device, non_blocking=True)
        return [real, part.latents, self._game.probability.to(device, non_blocking=True), weights, *told]

    def _function(self, part: Part, clock: Clock) -> Callable[..., list[Tensor]]:
        names = [name for name, _ in [*self._both.named_parameters(), *self._both.named_buffers()]]
        learning = {name for name, p in self._both.named_parameters() if p.requires_grad}
        game = self._game

        def gradients(*inputs: Tensor) -> list[Tensor]:
            state = dict(zip(names, inputs, strict=False))
            for name in learning:
                state[name].requires_grad_()
            real, latents, probability, weights, *told = inputs[len(names) :]
            tally, here = Tally(), Part(Batch(real, told[0] if told else None), latents, part.share)
            taken: dict[int, Tensor | None] = {}

            def take(learning: Sequence[Tensor], found: Sequence[Tensor | None]) -> None:
                taken.update((id(w), g) for w, g in zip(learning, found, strict=True))

            with _traced(game, probability, list(weights.unbind()), take):
                exchanged = {f"both.{name}": tensor for name, tensor in state.items()}
                torch.func.functional_call(_Play(self._both, game), exchanged, (here, clock, tally))
            weights_of = [state[name] for name, _ in self._both.named_parameters()]
            found = [taken.get(id(w)) for w in weights_of]
            self._there, self._tags = [g is not None for g in found], list(tally.values)
            kept = [_laid_out(g, w) for g, w in zip(found, weights_of, strict=True) if g is not None]
            return [*kept, *tally.values.values()]

        return gradients


def _laid_out(gradient: Tensor, weight: Tensor) -> Tensor:
    """As its weight lies in memory: optimisers go through both by their addresses."""
    same = gradient.stride() == weight.stride()
    return gradient if same else torch.empty_like(weight).copy_(gradient)


class _Unchanging(dict[str, Tensor]):
    """A game's memory, which a list of operations cannot write into."""

    def __setitem__(self, key: str, value: Tensor) -> None:
        raise RecipeError(
            f"train.execution: this game remembers '{key}' from step to step (a penalty such as lecam), which a list "
            "of operations cannot.\nLeave train.execution out, or that penalty."
        )


@contextlib.contextmanager
def _traced(game: Duel, probability: Tensor, weights: list[Tensor], take: Take) -> Iterator[None]:
    """Within the block the game reads these numbers of a step, and its players hand over gradients to `take`."""
    players, kept = (game.generator, game.discriminator), (game.probability, game.weights, game.memory)
    game.probability, game.weights, game.memory = probability, weights, _Unchanging(game.memory)
    for player in players:
        player.take = take
    try:
        yield
    finally:
        game.probability, game.weights, game.memory = kept
        for player in players:
            player.take = None


class _Play(nn.Module):
    """`Duel.play` as a module of both networks, so that their weights can be exchanged for inputs."""

    def __init__(self, both: nn.ModuleDict, game: Duel) -> None:
        super().__init__()
        self.both, self.game = both, game

    def forward(self, part: Part, clock: Clock, tally: Tally) -> None:
        self.game.play(part, clock, tally)
