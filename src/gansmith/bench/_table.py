"""A result in lines for people: our rows beside the published ones, the bars, and how it was measured."""

from __future__ import annotations

from collections.abc import Sequence

from gansmith.bench._bench import FIRST, SEEN, Series, number
from gansmith.bench._report import Result, published
from gansmith.machine import here


def lines(result: Result) -> list[str]:
    """The whole of it."""
    bench = result.bench
    out = [f"{bench.name}: {bench.summary}", ""]
    heading = ["", *(column.title for column in (*bench.columns, SEEN))]
    theirs, sources = _theirs(result)
    out += aligned([heading, *_ours(result), *theirs]) + sources
    out += ["", *bench.lines(result.outcomes)] if bench.lines(result.outcomes) else []
    out += ["", *_bars(result)] if bench.bars else []
    out += ["", *_ended(result), *_how(result)]
    return [line.rstrip() for line in out]


def spread(series: Series) -> str:
    """The median, and how far the seeds lie apart."""
    text = number(series.of("median"))
    low, high = number(series.of("lowest")), number(series.of("highest"))
    missing = sum(v is None for v in series.values)
    text += f" ({low} to {high})" if low != high else ""
    return text + (f", {missing} missing" if missing and missing < len(series.values) else "")


def _ours(result: Result) -> list[list[str]]:
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for series in result.rows:
        rows.setdefault((series.group, series.judge), {})[series.score] = spread(series)
    scores = [column.score for column in (*result.bench.columns, SEEN)]
    shown = []
    for (group, judge), cells in rows.items():
        if any(s in cells for s in scores):
            name = group if judge == FIRST else "  by the second judge"
            shown.append([name, *(cells.get(s, "-") for s in scores)])
        else:
            shown += [[f"{group}: {score}", cell] for score, cell in cells.items()]
    return shown


def _theirs(result: Result) -> tuple[list[list[str]], list[str]]:
    """The published rows, and their sources by number."""
    rows, columns = published(result.bench.name), (*result.bench.columns, SEEN)
    sources = list(dict.fromkeys(row["source"] for row in rows))
    shown = [["published:"]] if rows else []
    for row in rows:
        name = f"  {row['name']}" + (f", {row['on']}" if "on" in row else "")
        values, mark = row.get("values", {}), f"[{sources.index(row['source']) + 1}]"
        numbers = [number(values.get(column.score)) for column in columns]
        shown.append([name, f"{row['text']}  {mark}"] if "text" in row else [name, *numbers, mark])
    return shown, [f"[{k}] {source}" for k, source in enumerate(sources, start=1)]


def _bars(result: Result) -> list[str]:
    rows = [["bar", "wanted", "reached", ""]]
    for bar in result.to_json()["bars"]:
        name = f"{bar['group']}: {bar['title']}"
        rows.append([name, bar["wanted"], number(bar["value"]), "met" if bar["met"] else "NOT MET"])
    note = ["Not the protocol of these bars: " + "; ".join(result.departures)] if result.departures else []
    return aligned(rows) + note


def _ended(result: Result) -> list[str]:
    """Runs that did not finish, and judges that could not see."""
    out = []
    for outcome in result.outcomes:
        name = f"{outcome.training.group.name}, seed {outcome.training.seed}"
        if outcome.state != "finished":
            out.append(f"{name}: {outcome.state}. {_first_line(outcome.message)}")
        unable = {j: p["unable"] for j, p in outcome.protocol.items() if "unable" in p}
        out += [f"{name}: not judged by the {judge} judge. {_first_line(text)}" for judge, text in unable.items()]
    return out


def _how(result: Result) -> list[str]:
    protocol = result.protocol
    extractors: dict[str, set[str]] = {}
    for outcome in result.outcomes:
        for judge, how in outcome.protocol.items():
            extractors.setdefault(judge, set()).add(str(how.get("extractor", "none")))
    told = [f"{judge} {'/'.join(sorted(extractors.get(judge, ['-'])))}" for judge in result.bench.judges]
    return [
        f"{len(protocol['seeds'])} seed(s), {result.lengths}, {protocol['side_by_side']} at a time "
        f"on {protocol['threads_each']} thread(s) each; median (lowest to highest) over the seeds",
        f"judges: {', '.join(told)}; samples judged: {protocol['samples']}",
        *(f"note: {note}" for note in protocol["notes"]),
        f"{here()}; {result.seconds / 60:.1f} minutes in this call",
        f"again: {result.command}",
    ]


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0] if text.strip() else ""


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Cells in columns; a row of one cell is a heading, and in one of two cells the second may run on."""
    count = max(map(len, rows))
    widths = [max((len(r[k]) for r in rows if len(r) > max(k, min(k, 1) + 1)), default=0) for k in range(count)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip() for row in rows]
