"""How a step is computed, chosen by timing this training's own networks on this machine.

What a recipe leaves open is tried one after the other, each in steps of the same networks, in turn, so that whatever
else the machine does meets all alike; on a processor operations are listed by rule. A choice must give the gradients of
float32, to what fewer digits round away: there are kernels that are fast and wrong. What was found is kept in the cache
by machine and recipe, and is written into the run's recipe, so that a run goes on as it began.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from gansmith.cache import cache_folder
from gansmith.contracts import Batch, Clock, Codec, Dataset
from gansmith.data.points import Points
from gansmith.errors import GansmithError
from gansmith.folder import atomic
from gansmith.games.duel import Duel
from gansmith.games.gradients import disagreement, step_gradients
from gansmith.games.player import Layout
from gansmith.games.precision import Precision
from gansmith.layers.upsampling import UpsamplingConv2d
from gansmith.machine import machine, versions, wait
from gansmith.plan import settled
from gansmith.recipe import Execution, Recipe, Train, Upsampling
from gansmith.run import Run

Depth = Literal["off", "known", "quick", "full"]
Axis = tuple[str, list[Any]]  # a field of `Way`, and its values to try
SECONDS = {"quick": 4.0, "full": 60.0}  # for all tries; the first steps of a way are not cut short
ROUNDS = {"quick": 7, "full": 40}
WORTH_MINUTES, WORTH_SAMPLES = 2.0, 100_000  # a shorter training does not get the seconds back
WRONG = 0.3  # disagreement with float32: bfloat16's own was .02 to .15, that of wrong kernels .56 to .95
BETTER = 0.95  # what is not clearly faster than the first way is not taken
HOPELESS = 1.4  # times the fastest, after two rounds
LAPS = 3  # rounds, at least
GAINS = ("precision", "execution", "upsampling", "layout", "threads")
LISTING = 8  # steps that tracing a step takes about as long as


@dataclass(frozen=True)
class Way:
    """One way to compute a step."""

    precision: Precision
    layout: Layout
    upsampling: Upsampling = "resized"
    execution: Execution = "eager"
    threads: int | None = None  # None: as many as there are

    def of(self, train: Train) -> Train:
        return replace(train, **asdict(self))

    def __str__(self) -> str:
        layout = {"auto": "usual layout", "channels_last": "channels last", "contiguous": "channels first"}[self.layout]
        threads = "" if self.threads is None else f", {self.threads} thread{'s' * (self.threads > 1)}"
        return f"{self.precision}, {layout}, {self.upsampling}, {self.execution}{threads}"


@dataclass
class Try:
    """A way, a game that goes it, and the seconds of its steps; `off` is its gradients' disagreement with float32."""

    way: Way
    game: Duel
    off: float = 0.0
    seconds: list[float] = field(default_factory=list)

    @property
    def pace(self) -> float:
        """Seconds of the fastest step: the others tell what else the machine did."""
        return min(self.seconds)


def tuned(
    recipe: Recipe,
    dataset: Dataset,
    codec: Codec,
    device: torch.device,
    depth: Depth,
    count: int,
    say: Callable[[str], None],
) -> Recipe:
    """`recipe` with what it leaves open chosen for steps of `count` samples; as it is where trying is not worth it.

    By depth "off" nothing is chosen; "known": what was found before; "quick": not for a short training.
    """
    train = recipe.train
    is_open = "auto" in (train.precision, train.layout, train.upsampling, train.execution)
    if depth == "off" or not is_open or (depth != "full" and not worth_tuning(train)):
        return recipe
    path = cache_folder() / "tuned" / f"{_key(recipe, dataset, device, count)}.json"
    if depth != "full" and (known := _known(path)):
        say(f"Computes by {known}, as tuned before on this machine.")
        return replace(recipe, train=known.of(train))
    if depth == "known":
        return recipe
    found = _Tuning(recipe, dataset, codec, device, depth, count).choose(say)
    if found is None:
        return recipe
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic.write_json(path, asdict(found))
    except (OSError, GansmithError):
        pass  # it will be tried again
    return replace(recipe, train=found.of(train))


def fastest(
    recipe: Recipe, dataset: Dataset, codec: Codec, device: torch.device, count: int, say: Callable[[str], None]
) -> Recipe:
    """`recipe` computed as "quick" tuning finds, whatever it was before and however long the training is to be."""
    found = _Tuning(recipe, dataset, codec, device, "quick", count).choose(say)
    return settled(recipe) if found is None else replace(recipe, train=found.of(recipe.train))


def worth_tuning(train: Train) -> bool:
    """Whether a training is long enough to get the seconds back that trying takes."""
    if train.minutes is not None:
        return train.minutes >= WORTH_MINUTES
    return (train.samples or 0) >= WORTH_SAMPLES


def _key(recipe: Recipe, dataset: Dataset, device: torch.device, count: int) -> str:
    """Whatever the time of a step, or which ways there are, depends on."""
    table, train, spec = recipe.to_table(), recipe.train, dataset.spec
    about: list[Any] = [machine(), versions(), str(device), torch.get_num_threads(), count, spec.shape, spec.classes]
    about += [table.get(key) for key in ("architecture", "loss", "penalty", "augment", "optimizer")]
    about += [train.micro_batch, train.discriminator_steps]
    about += [train.precision, train.layout, train.upsampling, train.execution, train.threads]
    return hashlib.sha256(json.dumps(about, sort_keys=True, default=str).encode()).hexdigest()[:24]


def _known(path: Path) -> Way | None:
    try:
        return Way(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


class _Tuning:
    """The tries for one recipe on one batch."""

    def __init__(
        self, recipe: Recipe, dataset: Dataset, codec: Codec, device: torch.device, depth: Depth, count: int
    ) -> None:
        self.recipe, self.dataset, self.codec, self.device, self.depth = recipe, dataset, codec, device, depth
        real, given = dataset.fetch([i % len(dataset) for i in range(count)])
        self.batch = Batch(real.to(device), None if given is None else given.to(device))
        self.begin, self.threads = time.perf_counter(), torch.get_num_threads()
        self.reference: list[Tensor] = []
        self.wrong: list[Try] = []

    def choose(self, say: Callable[[str], None]) -> Way | None:
        """The fastest right way; None where nothing is open, or where a step takes too long to try any."""
        tries: list[Try] = []
        try:
            first = Way("float32", "auto", threads=self.recipe.train.threads)
            game = self._game(first)
            self.reference = self._gradients(game, first)
            most = SECONDS[self.depth]
            if 12 * (seconds := self._seconds(game, first)) > most:
                say(f"Not tuned after {self._spent:.1f} s: a step takes {seconds:.1f} s, too long for {most:.0f} s.")
                return None
            axes = self._affordable(self._axes(game), seconds)
            if not axes:
                say(f"Not tuned after {self._spent:.1f} s: nothing is open that {most:.0f} s would suffice for.")
                return None
            usual = self._usual()
            best = self._try(replace(usual, execution="eager") if self._ruled else usual, say)
            assert best is not None
            spent = self._spent
            for k, (name, values) in enumerate(axes):
                ways = [replace(best.way, **{name: v}) for v in values if v != getattr(best.way, name)]
                others = [t for t in (self._try(way, say) for way in ways) if t is not None]
                share = (k + 1) / len(axes)
                raced = self._race([best, *others], spent + share * (SECONDS[self.depth] - spent))
                if not raced:
                    return None
                best = min(raced, key=lambda t: t.pace * (BETTER if t is raced[0] else 1))
                tries += [t for t in raced if t not in tries]
        finally:
            torch.set_num_threads(self.threads)
            for t in self.wrong:
                say(f"Not used: {t.way}. On this machine its gradients are {t.off:.0%} off those of float32.")
        way = replace(best.way, execution=self._usual().execution) if self._ruled else best.way
        self._tell(way, best, tries, say)
        return way

    @property
    def _spent(self) -> float:
        return time.perf_counter() - self.begin

    def _usual(self) -> Way:
        """What would be taken untried."""
        train = settled(self.recipe).train
        assert train.precision != "auto"
        return Way(train.precision, train.layout, train.upsampling, train.execution, train.threads)

    @property
    def _ruled(self) -> bool:
        """Whether steps are tried eager and then run by rule."""
        return self.recipe.train.execution == "auto" and self.device.type == "cpu"

    def _affordable(self, axes: list[Axis], step: float) -> list[Axis]:
        """The axes that there is time for, where a step takes `step` seconds; what gains most comes first."""
        left, kept = SECONDS[self.depth] - self._spent, set[str]()
        for name, values in sorted(axes, key=lambda axis: GAINS.index(axis[0])):
            others = len(values) - (name != "threads")
            cost = step * (LAPS + others * (1 + LAPS + LISTING * (name == "execution")))
            if cost <= left:
                kept.add(name)
                left -= cost
        return [axis for axis in axes if axis[0] in kept]

    def _axes(self, game: Duel) -> list[Axis]:
        """What is open, and the values to try for it; execution last, or other layouts would be traced anew."""
        train, axes = self.recipe.train, list[Axis]()
        modules = [m for player in (game.generator, game.discriminator) for m in player.network.modules()]
        if train.precision == "auto" and not isinstance(self.recipe.data, Points):
            fewer = ["tf32"] * (self.device.type == "cuda") + ["bfloat16"] * self._bfloat16_is_no_slower()
            axes += [("precision", ["float32", *fewer])] if fewer else []
        if train.layout == "auto" and any(isinstance(m, nn.Conv2d | nn.ConvTranspose2d) for m in modules):
            transposed = any(isinstance(m, nn.ConvTranspose2d) for m in modules)
            axes.append(("layout", ["auto", "contiguous", *["channels_last"] * transposed]))
        if train.upsampling == "auto" and any(isinstance(m, UpsamplingConv2d) for m in modules):
            axes.append(("upsampling", ["resized", "composed"]))
        if train.execution == "auto" and not self._ruled and self.recipe.listable:
            slow = self.depth == "full" and self.device.type == "cuda"  # compiling takes minutes
            axes.append(("execution", ["eager", "listed", *["compiled"] * slow]))
        if self.depth == "full" and train.threads is None and self.threads > 1:
            axes.append(("threads", sorted({self.threads // 2, 1}, reverse=True)))
        return axes

    def _bfloat16_is_no_slower(self) -> bool:
        """Whether it can be worth a step: processors without it take ten times as long, which a product shows."""
        seconds: dict[torch.dtype, float] = {}
        for precision in (torch.float32, torch.bfloat16):
            a = torch.ones(256, 256, dtype=precision, device=self.device)
            for _ in range(3):
                begin = time.perf_counter()
                _ = a @ a
                wait(self.device)
                seconds[precision] = min(time.perf_counter() - begin, seconds.get(precision, 1.0))
        return seconds[torch.bfloat16] <= 2 * seconds[torch.float32]

    def _game(self, way: Way) -> Duel:
        recipe = replace(self.recipe, train=way.of(self.recipe.train))
        return Run(Path(), recipe, self.dataset, None, self.codec, self.device).game

    def _try(self, way: Way, say: Callable[[str], None]) -> Try | None:
        """None for steps that cannot be listed, such as those with a penalty that asks for the values of tensors."""
        game = self._game(way)
        try:
            return Try(way, game, disagreement(self._gradients(game, way), self.reference))
        except Exception as error:
            if way.execution == "eager":
                raise
            say(f"Not used: {way}. {str(error).splitlines()[0][:160]}")
            return None

    def _gradients(self, game: Duel, way: Way) -> list[Tensor]:
        """Of a step in which both players move."""
        torch.set_num_threads(way.threads or self.threads)
        return step_gradients(game, self.batch, Clock(step=game.turns.discriminator_steps - 1))

    def _seconds(self, game: Duel, way: Way) -> float:
        torch.set_num_threads(way.threads or self.threads)
        wait(self.device)
        begin = time.perf_counter()
        game.step(self.batch, Clock(step=game.turns.discriminator_steps - 1))
        wait(self.device)
        return time.perf_counter() - begin

    def _race(self, tries: Sequence[Try], until: float) -> list[Try]:
        """Steps in turn, to some seconds after the beginning; those that are right. The first is never dropped."""
        self.wrong += [t for t in tries if not t.off <= WRONG]
        tries = running = [t for t in tries if t.off <= WRONG]
        for t in tries:
            t.seconds.clear()
        for lap in range(ROUNDS[self.depth] if running else 0):
            for t in running:
                t.seconds.append(self._seconds(t.game, t.way))
            if lap + 1 >= LAPS and self._spent > until:
                break
            if lap == 1:
                fastest = min(min(t.seconds) for t in running)
                running = [t for t in running if t is tries[0] or min(t.seconds) <= HOPELESS * fastest]
        return list(tries)

    def _tell(self, way: Way, best: Try, tries: Sequence[Try], say: Callable[[str], None]) -> None:
        others = sorted((t for t in tries if t is not best), key=lambda t: t.pace)
        compared = "; ".join(f"{t.way} {1000 * t.pace:.1f}" for t in others)
        say(
            f"Tuned in {self._spent:.1f} s: {way}, {1000 * best.pace:.1f} ms a step "
            f"{'eager ' * (way != best.way)}({compared}). --tune off leaves this out."
        )
