"""`report.html`: a run in one file that can be mailed. Made from the run folder alone, never from the trainer."""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from gansmith.callbacks import report_pictures as pictures
from gansmith.callbacks.charts import line_chart
from gansmith.callbacks.progress import count_text, duration_text
from gansmith.callbacks.report_page import esc, facts, missing, page, plain, section, table
from gansmith.errors import RunFolderError
from gansmith.folder import atomic, metrics_log, plain_json
from gansmith.folder.alerts import Episode, episodes
from gansmith.folder.alerts import read as read_alerts
from gansmith.folder.run_json import read_run

_STATES = {
    "running": "running when this was written",
    "stopped": "stopped; the command below continues it",
    "failed": "an error ended it; the command below goes on from the last checkpoint",
}
_CHARTS: tuple[tuple[str, str, tuple[str, ...]], ...] = (  # title, what it shows, tags (a trailing / takes all below)
    ("Losses", "What each player pays; only their balance means something, not their height.", ("loss/",)),
    (
        "What the discriminator says",
        "Mean score of real and generated samples: larger is more real. Far apart, it wins; equal, it cannot tell.",
        ("verdict/real", "verdict/fake"),
    ),
    (
        "Signs of overfitting",
        "Mean sign of its score of the reals: towards 1, it knows the training samples by heart.",
        ("verdict/real_sign",),
    ),
    ("Penalties", "Before their weights.", ("penalty/",)),
    (
        "Health",
        "Of a few hundred samples now and then; what each number means, and from where on it alarms: docs/health.md.",
        ("health/",),
    ),
    (
        "Gradient norms",
        "Near zero, a player learns nothing; leaping, it is unstable.",
        ("gradient/",),
    ),
    ("Samples a second", "Reals seen by the discriminator.", ("rate/samples_per_second",)),
    ("Share of time waiting for data", "0.05 and above: loading slows training down.", ("rate/data_wait_share",)),
    ("Learning rates", "", ("rate/lr_generator", "rate/lr_discriminator")),
    ("Memory", "Of this process, in MB. It must not grow.", ("memory/",)),
)
_SCORE = "score/"


def write_report(folder: Path) -> Path:
    """Write `folder`/report.html, self-contained and without scripts, and return it.

    Files that are missing or broken are shown as missing. Raises RunFolderError only where it cannot be written.
    """
    path = folder / "report.html"
    atomic.write_bytes(path, page(f"{folder.resolve().name}: gansmith report", "".join(report_parts(folder))))
    return path


def report_parts(folder: Path, *, commands: bool = True) -> list[str]:
    """What the page says, as HTML, its heading first; `commands` name places on this machine's disk."""
    try:
        run = read_run(folder)
    except RunFolderError:
        run = {}
    rows = metrics_log.read(folder / "metrics.jsonl")
    return [
        _heading(folder.resolve().name, run),
        _facts(run, rows),
        _alerts(folder),
        _samples(folder),
        _nearest(folder),
        _scores(run, rows),
        _charts(rows),
        _recipe(folder),
        _commands(folder, run) if commands else "",
    ]


def _heading(name: str, run: dict[str, Any]) -> str:
    state = plain(run.get("state")) if "state" in run else "unknown"
    told = f'<span class="state">{esc(state)}</span> <span class="soft">{esc(_STATES.get(state, ""))}</span>'
    return f'<header><p class="soft">gansmith report</p><h1>{esc(name)}</h1><p>{told}</p></header>'


def _facts(run: dict[str, Any], rows: list[dict[str, Any]]) -> str:
    last = rows[-1] if rows else {}
    seen = plain_json.number(run.get("samples_seen", last.get("samples_seen")))
    seconds = plain_json.number(run.get("seconds", last.get("seconds")))
    known = {
        "Samples seen": None if seen is None else count_text(seen),
        "Training time": None if seconds is None else duration_text(seconds),
        "Recipe": run.get("recipe"),
        "Data": run.get("data"),
        "Device": run.get("device"),
        "Best so far": run.get("best"),
        "Versions": run.get("versions"),
    }
    return facts(known) if run or rows else missing("run.json is missing or damaged.")


def _alerts(folder: Path) -> str:
    told = episodes(read_alerts(folder))
    cards = [_episode(folder, episode) for episode in reversed(told[-20:])]
    more = missing(f"{len(told) - 20} earlier ones are in alerts.jsonl.") if len(told) > 20 else ""
    return section("Alerts", *cards, more)


def _episode(folder: Path, episode: Episode) -> str:
    latest, closed = episode.latest, episode.closed
    state = "open" if closed is None else f"answered at {count_text(closed.samples_seen)} samples"
    first = f"at {count_text(episode.first.samples_seen)} samples"
    if episode.first.seconds is not None:
        first += f", {duration_text(episode.first.seconds)}"
    shown = pictures.embed(folder / "samples" / "copies.png", 350_000, 1200) if latest.kind == "memorization" else None
    alt = "Pairs: a generated sample, and beside it the training sample nearest to it"
    return (
        f'<article class="card alert"><h3>{esc(latest.kind.replace("_", " "))} <span class="soft">{first}</span> '
        f'<span class="state">{state}</span></h3><p>{esc(latest.evidence)}</p>'
        f"<p><strong>What to do:</strong> {esc(latest.advice)}</p>"
        f'<p class="soft note">{esc(plain(dict(latest.numbers)))}</p>'
        f"{_image(shown, alt, 'wide') if shown else ''}</article>"
    )


def _image(picture: pictures.Picture, alt: str, kind: str) -> str:
    small = " small" if max(picture.width, picture.height) <= 400 else ""  # enlarged: keep the pixels sharp
    size = f'width="{picture.width}" height="{picture.height}"'
    return f'<img class="{kind}{small}" src="{picture.address}" {size} alt="{esc(alt)}">'


def _samples(folder: Path) -> str:
    files = dict(pictures.grids(folder))
    if not files:
        return section("Samples", missing("No picture of samples yet (samples/*.png)."))
    newest = max(files)
    shown = pictures.embed(files[newest], 600_000, 1600)
    alt = f"Generated samples after {count_text(newest)} samples seen"
    parts = [
        f"<figure>{_image(shown, alt, 'wide')}<figcaption>The newest picture, after {count_text(newest)} samples. "
        "The latents are the same in every one.</figcaption></figure>"
        if shown
        else missing(f"The newest picture, {files[newest].name}, cannot be read.")
    ]
    if len(files) > 1:
        few = pictures.spread(sorted(files), 8)
        parts.append(f'<h3 style="margin-top:1.2rem">Over time</h3><div class="few">{_over_time(files, few)}</div>')
    return section("Samples", *parts)


def _over_time(files: dict[int, Path], steps: Iterable[int]) -> str:
    figures = []
    for step in steps:
        picture = pictures.embed(files[step], 130_000, 512)
        alt = f"The same latents after {count_text(step)} samples seen"
        drawn = _image(picture, alt, "fill") if picture else missing(f"{files[step].name} cannot be read.")
        figures.append(f"<figure>{drawn}<figcaption>{count_text(step)} samples</figcaption></figure>")
    return "".join(figures)


def _nearest(folder: Path) -> str:
    captions = {
        "uncurated.png": "Generated samples, drawn at random and not selected",
        "nearest.png": "For each of them, in the same place: the nearest training sample",
    }
    paths = {name: folder / "samples" / name for name in captions}
    paths = {name: path for name, path in paths.items() if path.exists()}
    if not paths:
        return ""
    figures = []
    for name, path in paths.items():
        picture = pictures.embed(path, 350_000, 1200)
        drawn = _image(picture, captions[name], "fill") if picture else missing(f"samples/{name} cannot be read.")
        figures.append(f"<figure>{drawn}<figcaption>{captions[name]}.</figcaption></figure>")
    alike = "<p>Pairs that are alike to the pixel mean that the generator repeats training samples.</p>"
    note = alike if len(paths) == 2 else ""
    return section("Uncurated, beside the training data", note, f'<div class="grid">{"".join(figures)}</div>')


def _scores(run: dict[str, Any], rows: list[dict[str, Any]]) -> str:
    scores = run.get("scores")
    values = scores.get("values") if isinstance(scores, dict) else None
    protocol = scores.get("protocol") if isinstance(scores, dict) else None
    charts = [
        f'<div class="card">{line_chart(tag.removeprefix(_SCORE), {tag.removeprefix(_SCORE): series})}</div>'
        for tag, series in _history(rows, lambda tag: tag.startswith(_SCORE)).items()
    ]
    parts = []
    if isinstance(values, dict) and values:
        lines = [[str(name), plain(value)] for name, value in values.items()]
        parts.append(table(["Metric", "Value"], lines))
    if isinstance(protocol, dict) and protocol:
        parts.append("<p>Measured by this protocol; scores compare only where it is the same:</p>" + facts(protocol))
    if charts:
        parts.append(f'<div class="grid">{"".join(charts)}</div>')
    return section("Scores", *(parts or [missing("Not evaluated yet.")]))


def _history(rows: list[dict[str, Any]], wanted: Callable[[str], bool]) -> dict[str, tuple[list[float], list[float]]]:
    """tag -> (samples seen, values) for the wanted tags, each only where it was measured."""
    out: dict[str, tuple[list[float], list[float]]] = {}
    for row in rows:
        for tag, value in row.items():
            if tag not in ("samples_seen", "seconds") and wanted(tag):
                x, y = out.setdefault(tag, ([], []))
                x.append(float(row["samples_seen"]))
                y.append(value)
    return out


def _charts(rows: list[dict[str, Any]]) -> str:
    history = _history(rows, lambda tag: not tag.startswith(_SCORE))
    if not history:
        return section("Curves", missing("Nothing was logged yet (metrics.jsonl)."))
    cards = []
    for title, note, tags in _CHARTS:
        groups = tuple(tag for tag in tags if tag.endswith("/"))
        chosen = {tag: s for tag, s in history.items() if tag in tags or tag.startswith(groups)}
        if chosen:
            cards.append(_chart(title, note, chosen))
        history = {tag: s for tag, s in history.items() if tag not in chosen}
    for group in sorted({tag.partition("/")[0] for tag in history}):
        cards.append(_chart(group, "", {t: s for t, s in history.items() if t.partition("/")[0] == group}))
    told = '<p class="soft">Pale: as it was logged. Strong: its running median.</p>' if len(rows) >= 240 else ""
    return section("Curves", told, f'<div class="grid">{"".join(cards)}</div>')


def _chart(title: str, note: str, history: dict[str, tuple[list[float], list[float]]]) -> str:
    """One card; a logarithmic axis where the middle nine tenths are positive and span three powers of ten."""
    values = sorted(v for _, y in history.values() for v in y if math.isfinite(v))
    tail = len(values) // 20
    log = bool(values) and values[0] > 0 and values[-1 - tail] > 1000 * values[tail]
    series = {tag.partition("/")[2] or tag: s for tag, s in history.items()}
    told = f'<p class="soft note">{esc(note)}</p>' if note else ""
    return f'<div class="card"><h3>{esc(title)}</h3>{told}{line_chart(title, series, log_y=log)}</div>'


def _recipe(folder: Path) -> str:
    try:
        text = (folder / "recipe.toml").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return section("Recipe", missing("recipe.toml is missing or cannot be read."))
    return section("Recipe", f"<details open><summary>recipe.toml</summary><pre>{esc(text[:100_000])}</pre></details>")


def _commands(folder: Path, run: dict[str, Any]) -> str:
    command = run.get("command")
    if isinstance(command, list):
        command = shlex.join(str(word) for word in command)
    where = shlex.quote(str(folder))
    lines = [
        ("Continue it (the same command again)", command if isinstance(command, str) else None),
        ("Draw samples", f"gansmith sample {where} --count 64 --out samples.png"),
        ("Measure it", f"gansmith evaluate {where}"),
    ]
    return section("Go on", *(f"<p>{esc(what)}</p><pre>{esc(line)}</pre>" for what, line in lines if line))
