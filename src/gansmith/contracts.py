"""The types that folders share. Imports torch and nothing of ours.

Dimension letters, here and everywhere: B batch, C channels, H height, W width, Z latent size, N samples, D features.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple, final

import torch
from torch import Tensor, nn

PlayerName = Literal["generator", "discriminator"]


class Batch(NamedTuple):
    """What a source yields."""

    real: Tensor  # float32 [B, *spec.shape], in the network's range ([-1, 1] for images)
    given: Tensor | None = None  # what both players are told; int64 [B] for classes


@dataclass(frozen=True)
class GivenSpec:
    """What both players are told about a sample: an index into `names`, int64 [B].

    Kind "class": what people call it, and can ask for. Kind "cluster": the group of like samples that it belongs to;
    nobody asks for these, and samples are drawn with the training samples' `shares`, which sum to 1.
    """

    names: tuple[str, ...]
    kind: Literal["class", "cluster"] = "class"
    shares: tuple[float, ...] = ()

    def draw(self, count: int, seed: int) -> Tensor:
        """Clusters int64 [count] by their shares; the k-th of a seed is always the same."""
        numbers = torch.rand(count, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        ends = torch.tensor(self.shares, dtype=torch.float64).cumsum(0)
        return torch.searchsorted(ends, numbers * ends[-1]).clamp(max=len(self.shares) - 1)


@dataclass(frozen=True)
class Spec:
    """The shape of one sample without the batch, (C, H, W) for images, and what is given with it."""

    shape: tuple[int, ...]
    given: GivenSpec | None = None

    @property
    def classes(self) -> int:
        """The number of classes or clusters both players are told about; 0 where they are told nothing."""
        return len(self.given.names) if self.given else 0

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes that samples can be asked of."""
        return self.given.names if self.given and self.given.kind == "class" else ()


class Verdict(NamedTuple):
    """What a discriminator says."""

    scores: tuple[Tensor, ...]  # one [B, ...] a head, unbounded logits, larger = more real; [B / k] with packing k
    features: tuple[Tensor, ...] = ()  # hidden activations, one [B, ...] a tapped layer
    directions: tuple[Tensor, ...] = ()  # as scores, but seen by the last layer's direction alone (SAN)
    classes: Tensor | None = None  # [B, K] logits of an auxiliary classifier
    reconstruction: Tensor | None = None  # [B] error of the sample as the discriminator reads it back from its features

    def split(self, share: int = 2) -> tuple[Verdict, ...]:
        """The verdicts on `share` equal parts of the batch."""
        parts = []
        for part in range(share):
            cut = [
                tuple(torch.chunk(x, share)[part] for x in xs) for xs in (self.scores, self.features, self.directions)
            ]
            classes, error = (
                None if x is None else torch.chunk(x, share)[part] for x in (self.classes, self.reconstruction)
            )
            parts.append(Verdict(cut[0], cut[1], cut[2], classes, error))
        return tuple(parts)


class Generator(nn.Module, ABC):
    """Latent to sample. `mapping` and `synthesis` are the network's; `forward` is final."""

    latent_size: int

    @abstractmethod
    def mapping(self, z: Tensor, given: Tensor | None) -> Tensor:
        """`z` [B, Z] standard normal -> `w` [B, ...], the latent that truncation and editing act on."""

    @abstractmethod
    def synthesis(self, w: Tensor, given: Tensor | None) -> Tensor:
        """`w` -> samples [B, *spec.shape] in the network's range."""

    @final  # type: ignore[misc]
    def forward(self, z: Tensor, given: Tensor | None = None) -> Tensor:
        return self.synthesis(self.mapping(z, given), given)


class Discriminator(nn.Module, ABC):
    """Sample to verdict (a critic, where the loss is Wasserstein)."""

    @abstractmethod
    def forward(self, x: Tensor, given: Tensor | None = None) -> Verdict:
        """`x` [B, *spec.shape] -> scores (logits) and features."""


class Architecture(ABC):
    """A frozen dataclass of sizes that builds a generator and a discriminator."""

    @abstractmethod
    def build(self, spec: Spec) -> tuple[Generator, Discriminator]:
        """Raises ValueError, in words for users, where `spec` is something these networks cannot make."""


@dataclass(frozen=True)
class Schedule:
    """A number that changes over training: `start` to `end` while progress goes from 0 to `until`.

    In a recipe: a plain number, or `{start = 1.0, end = 0.1, shape = "cosine"}`.
    """

    start: float
    end: float | None = None  # None: constant
    shape: Literal["linear", "cosine"] = "cosine"
    until: float = 1.0  # share of the training after which the value stays at `end`, in (0, 1]

    def __call__(self, progress: float) -> float:
        """The value at `progress` in [0, 1] (larger is read as 1)."""
        if self.end is None:
            return self.start
        t = min(max(progress / self.until, 0.0), 1.0)
        share = t if self.shape == "linear" else (1 - math.cos(math.pi * t)) / 2
        return self.start + (self.end - self.start) * share


class Clock(NamedTuple):
    """Where training is. Time is samples seen, never iterations."""

    samples_seen: int = 0  # real samples that the discriminator has been shown, over all processes
    progress: float = 0.0  # share of the planned training that is done, in [0, 1]
    step: int = 0  # discriminator updates done; samples_seen / (batch x processes)


class Step:
    """What one player can see in one step. Verdicts and gradients are computed when first asked for."""

    def __init__(
        self,
        player: PlayerName,
        judge: Callable[[Tensor, Tensor | None], Verdict],
        real: Tensor,
        fake: Tensor,
        given: Tensor | None = None,
        *,
        latent: Tensor | None = None,
        together: bool = True,
        memory: dict[str, Tensor] | None = None,
    ) -> None:
        self.player = player
        self.judge = judge  # the discriminator in the step's precision: (x, given) -> Verdict
        self.real = real  # [B, *shape]
        self.fake = fake  # [B, *shape]
        self.given = given
        self.latent = latent  # w [B, ...], where the generator has just made it
        self.together = together  # one concatenated discriminator pass; not where it normalises over the batch
        self.memory: dict[str, Tensor] = {} if memory is None else memory  # checkpointed with the game

    @cached_property
    def _verdicts(self) -> tuple[Verdict, Verdict]:
        if not self.together:
            return self.judge(self.real, self.given), self.judge(self.fake, self.given)
        given = None if self.given is None else torch.cat([self.given, self.given])
        real, fake = self.judge(torch.cat([self.real, self.fake]), given).split()
        return real, fake

    @cached_property
    def real_verdict(self) -> Verdict:
        """On the reals; without gradients in the generator's step, where the reals are only compared with."""
        if self.player == "discriminator":
            return self._verdicts[0]
        with torch.no_grad():
            return self.judge(self.real, self.given)

    @cached_property
    def fake_verdict(self) -> Verdict:
        return self._verdicts[1] if self.player == "discriminator" else self.judge(self.fake, self.given)

    @cached_property
    def _gradients(self) -> dict[str, Tensor]:
        asked = {n: x for n, x in (("real", self.real), ("fake", self.fake)) if x.requires_grad}
        verdicts = {"real": self.real_verdict, "fake": self.fake_verdict}
        total = torch.stack([s.sum() for n in asked for s in verdicts[n].scores]).sum()
        return dict(zip(asked, torch.autograd.grad(total, list(asked.values()), create_graph=True), strict=True))

    def gradient(self, of: Literal["real", "fake"]) -> Tensor:
        """d(sum of scores)/d(x) for the reals or the fakes, [B, *shape], differentiable.

        Both come from one backward pass. A penalty that calls this must name it in `Penalty.needs`.
        """
        return self._gradients[of]

    def gradient_at(self, x: Tensor) -> Tensor:
        """d(sum of scores)/d(x) at other points [B, *shape], differentiable; costs a pass of its own."""
        x = x.detach().requires_grad_()
        total = torch.stack([s.sum() for s in self.judge(x, self.given).scores]).sum()
        return torch.autograd.grad(total, x, create_graph=True)[0]


class Loss(ABC):
    """An adversarial loss, of scores only. Implementations are frozen dataclasses."""

    compares: ClassVar[bool] = False  # True: the generator's loss needs the reals' scores too (relativistic)

    @abstractmethod
    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Scores of reals and fakes, each [B, ...] -> scalar to minimise."""

    @abstractmethod
    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Scores of reals (empty unless `compares`) and fakes -> scalar to minimise."""


class Penalty(ABC):
    """A term that one player pays beside the loss. Implementations are frozen dataclasses with these two fields."""

    player: ClassVar[PlayerName | Literal["both"]] = "discriminator"
    needs: ClassVar[frozenset[str]] = frozenset()  # of {"real", "fake", "latent"}: whose gradients it reads
    weight: Schedule
    every: int  # paid in every k-th step of its player, k times as much then

    def __post_init__(self) -> None:
        if self.every < 1:
            raise ValueError(f"every must be 1 (each step) or more, not {self.every}")
        if min(self.weight.start, self.weight.start if self.weight.end is None else self.weight.end) < 0:
            raise ValueError(f"weight must be 0 or more, not {self.weight}")

    @abstractmethod
    def __call__(self, step: Step) -> Tensor:
        """The unweighted term, a scalar tensor."""

    def after_update(self, network: nn.Module) -> None:
        """Change the paying player's weights after its update (weight clipping). Nothing by default."""
        return


class Augmentation(ABC):
    """Differentiable changes of what the discriminator sees, reals and fakes alike. Frozen dataclasses.

    The discriminator never sees an unchanged sample where p is 1; gradient penalties are taken with respect to the
    samples as they were before.
    """

    probability: Schedule

    @abstractmethod
    def __call__(self, x: Tensor, probability: Tensor) -> Tensor:
        """`x` [B, C, H, W], each sample changed with `probability` (scalar in [0, 1]), drawn for it alone."""

    def current(self, clock: Clock, memory: dict[str, Tensor]) -> Tensor:
        """The probability of this step, a scalar tensor."""
        return torch.tensor(self.probability(clock.progress))

    def adapt(self, memory: dict[str, Tensor], real_sign: Tensor, samples: int) -> None:
        """After each step of the discriminator: E sign of the reals' scores, over `samples`. Nothing by default."""
        return


class Report(NamedTuple):
    """What one step of a game has to tell: tag -> detached scalar tensor."""

    values: dict[str, Tensor]

    @property
    def finite(self) -> bool:
        return all(bool(torch.isfinite(v)) for v in self.values.values())


class Game(ABC):
    """Players, their losses, and one step of play."""

    @abstractmethod
    def step(self, batch: Batch, clock: Clock) -> Report: ...

    @abstractmethod
    def sample(self, z: Tensor, given: Tensor | None = None) -> Tensor:
        """Samples [B, *shape] of the averaged generator, float32, without gradients."""

    @abstractmethod
    def state_dict(self) -> dict[str, Any]: ...

    @abstractmethod
    def load_state_dict(self, state: dict[str, Any]) -> None: ...


class Mixture(NamedTuple):
    """The equally likely Gaussian components that a data set was drawn from, in the network's range."""

    centres: Tensor  # float64 [K, D]
    std: Tensor  # float64 [D]: standard deviation along each coordinate, the same for every component


@dataclass(frozen=True)
class Composition:
    """What is known exactly of samples that are put together from several things: how many, and of which kinds."""

    counts: Tensor  # int64 [N], 1 or more
    present: Tensor  # bool [N, K]: whether a thing of each kind is there
    kinds: tuple[str, ...]  # K names
    companions: tuple[tuple[int, int], ...] = ()  # couples of kinds that are often together
    forbidden: tuple[tuple[int, int], ...] = ()  # couples of kinds that are never together


class Dataset(ABC):
    """Samples by index. `fetch` is called from several threads at once."""

    spec: Spec
    mixture: Mixture | None = None  # where the truth is known, the judge counts its modes
    fingerprint: str  # hex; of names, sizes and contents' checksums, not of where the data lies
    labels: Tensor | None  # int64 [N] class of every sample, also where training is unconditional
    label_names: tuple[str, ...]  # () where labels is None
    composition: Composition | None = None  # of the first N samples; any further ones are these once more, changed

    def channels(self) -> Dataset | None:
        """The labelled data set of which each channel is a sample, where these are stacks of such; otherwise None."""
        return None

    def without_rules(self) -> Dataset | None:
        """As many samples of the same things in company by chance, where `composition` follows rules; None elsewhere.

        For a recogniser: one that had only seen rules kept would read them into samples that break them.
        """
        return None

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def fetch(self, indices: Sequence[int]) -> Batch:
        """The samples at `indices`, on the CPU; `given` only where `spec.given` says so."""


class Codec(ABC):
    """Between tensors and what people open: pictures, sounds, tables."""

    spec: Spec
    shown: ClassVar[int] = 64  # samples that one `picture` is to show
    single: ClassVar[bool] = True  # whether one sample is worth a look of its own (pictures, not points)

    @abstractmethod
    def encode(self, items: Sequence[Any]) -> Tensor:
        """Files' contents (PIL images) -> float32 [N, *spec.shape] in the network's range."""

    @abstractmethod
    def decode(self, x: Tensor) -> list[Any]:
        """[N, *spec.shape] -> files' contents; values outside the range are clipped."""

    @abstractmethod
    def picture(self, x: Tensor, real: Tensor | None = None) -> Any:
        """One PIL image of samples [N, *spec.shape]; `real` [M, *spec.shape] lies beneath where that helps."""

    @final
    def save(self, x: Tensor, path: Path, labels: Tensor | None = None) -> Path:
        """As `write`, of samples [N, *spec.shape] that are there."""
        return self.write((x,), len(x), path, labels)

    @abstractmethod
    def write(self, parts: Iterable[Tensor], count: int, path: Path, labels: Tensor | None = None) -> Path:
        """Write `count` samples, which come in `parts` [n, *spec.shape], in the form that `path`'s ending asks for.

        `labels` int64 [count]. Arrays, tables and single files take no more memory than a part, one picture of all
        takes all. Returns what was written; raises DataError for an ending that it does not know, or no samples.
        """

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """JSON from which `restore` makes an equal codec: all that sampling needs to know of the data."""

    @classmethod
    @abstractmethod
    def restore(cls, description: dict[str, Any]) -> Codec: ...


@dataclass(frozen=True)
class Survey:
    """What can be said of a data set before any choice is made: what `auto` decides by."""

    count: int
    sizes: tuple[tuple[int, int], ...] = ()  # (height, width) of up to 256 pictures, evenly spread; else empty
    channels: int = 0  # 1 grey, 3 RGB, 4 RGBA: the fewest that lose nothing; 0 where samples are no pictures
    label_counts: dict[str, int] = field(default_factory=dict)  # class -> samples; empty without classes
    test_count: int = 0  # samples in the held-out split; 0 without one
    labels_are_told: bool = True  # False: they are for the judge, and training is unconditional unless asked
    flat: float = field(default=0.0, compare=False)  # share of values at an end of the range: plain backgrounds, masks


class Source(ABC):
    """Where samples come from: a frozen dataclass of a recipe's [data] table. Files -> dataset + codec."""

    @abstractmethod
    def survey(self) -> Survey: ...

    @abstractmethod
    def resolve(self, survey: Survey) -> Source:
        """The same source with every automatic choice (resolution, channels, classes) made."""

    @abstractmethod
    def open(self) -> tuple[Dataset, Codec]:
        """The training split. Raises DataError, in words for users."""

    @abstractmethod
    def open_test(self) -> Dataset | None:
        """The held-out split in the same form, or None."""


class Seen(NamedTuple):
    """What a feature extractor sees in samples."""

    vectors: Tensor  # float32 [B, D]
    probabilities: Tensor | None = None  # [B, K] over the extractor's classes, where it is a classifier


class Extractor(ABC):
    """Samples to feature vectors, for the metrics. Frozen weights; the same input always gives the same output."""

    name: str  # "classifier", "random", "inception", "coordinates", or the file's name
    ranks: ClassVar[bool] = True  # whether the lower Frechet distance is the better generator: "best" is kept by it
    hash: str  # first 16 hex digits of the sha256 of its weights: scores compare only where this is equal
    details: dict[str, Any]  # JSON: what a reader of scores must know (accuracy on held-out data, layers, resizer)

    @abstractmethod
    def __call__(self, x: Tensor) -> Seen:
        """`x` [B, *spec.shape] in the network's range; batches itself, without gradients, in constant memory."""


class Scorer(ABC):
    """What can be scored of one kind of data beside features, since more is known of it: its modes, its composition."""

    name: str  # its scores are called name/...
    samples: int  # how many of them its scores are defined on; as many are drawn at the end of a training
    protocol: dict[str, Any]  # JSON: what a reader of the scores must know

    @abstractmethod
    def see(self, x: Tensor) -> Tensor:
        """`x` [B, *spec.shape] in the network's range -> what is kept of them, [B, ...]."""

    @abstractmethod
    def score(self, seen: Tensor) -> dict[str, float]:
        """Scores by their names of what was kept of all samples, [N, ...]."""
