"""`alerts.jsonl`: what went wrong in a run and whether it is well again, one JSON object a line.

Each line has samples_seen, seconds, kind (of failure), event, severity, evidence, advice and numbers. Events: an alarm
is "raised", and "cleared" where the signs are well again; after non-finite numbers a run "recovered" by going back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast

from gansmith.folder import plain_json
from gansmith.folder.metrics_log import append_line, is_count, lines

NAME = "alerts.jsonl"
Event = Literal["raised", "cleared", "recovered"]
Severity = Literal["warn", "alarm"]


@dataclass(frozen=True)
class Alert:
    """One line. `seconds` is training time, None where it is not known; `numbers` are the evidence's."""

    samples_seen: int
    kind: str
    evidence: str
    advice: str
    event: Event = "raised"
    severity: Severity = "alarm"
    seconds: float | None = None
    numbers: dict[str, float] = field(default_factory=dict)


class Episode(NamedTuple):
    """A failure from the alert that raised it, by the latest word on it, to the one that closed it (None: open)."""

    first: Alert
    latest: Alert
    closed: Alert | None


def append(folder: Path, alert: Alert) -> None:
    """Add `alert` to the run folder's file. Raises RunFolderError where the disk refuses."""
    append_line(folder / NAME, asdict(alert))


def read(folder: Path) -> list[Alert]:
    """The run folder's alerts in order; broken lines are passed over, a missing file is [].

    A training that is killed and resumed goes back in samples seen, and so does one that recovers: later alerts
    supersede the earlier ones from beyond that point. Recoveries did happen, and stay.
    """
    alerts: list[Alert] = []
    for raw in lines(folder / NAME):
        alert = _checked(raw)
        if alert is None:
            continue
        back = alert.numbers.get("back_to", alert.samples_seen) if alert.event == "recovered" else alert.samples_seen
        alerts = [a for a in alerts if a.samples_seen <= back or a.event == "recovered"]
        if not any(_same(alert, other) for other in alerts):
            alerts.append(alert)
    return alerts


def _same(a: Alert, b: Alert) -> bool:
    """A training that was killed and resumed says again what it said, at another second."""
    return (a.samples_seen, a.kind, a.event, a.evidence) == (b.samples_seen, b.kind, b.event, b.evidence)


def episodes(alerts: Sequence[Alert]) -> list[Episode]:
    """What was raised, in order, and how it ended; an alarm raised again while it is open is the same episode."""
    found: list[Episode] = []
    for alert in alerts:
        place = next((i for i, e in enumerate(found) if e.first.kind == alert.kind and e.closed is None), None)
        if alert.event == "raised" and place is not None:
            found[place] = found[place]._replace(latest=alert)
        elif alert.event == "raised":
            found.append(Episode(alert, alert, None))
        elif alert.event == "recovered":
            found.append(Episode(alert, alert, alert))
        elif place is not None:
            found[place] = found[place]._replace(closed=alert)
    return found


def summary(alerts: Sequence[Alert]) -> dict[str, Any]:
    """For run.json: {"open": kinds that are still wrong, sorted, "raised": number of episodes}."""
    all_of_them = episodes(alerts)
    return {"open": sorted({e.first.kind for e in all_of_them if e.closed is None}), "raised": len(all_of_them)}


def _checked(raw: dict[str, Any]) -> Alert | None:
    """The alert of a line; None where it has no kind, or no place in time. Lines without an event were raised."""
    seen, kind = raw.get("samples_seen"), raw.get("kind")
    if not is_count(seen) or not isinstance(kind, str):
        return None
    event = raw.get("event") if raw.get("event") in ("cleared", "recovered") else "raised"
    numbers = raw.get("numbers") if isinstance(raw.get("numbers"), dict) else {}
    known = {str(name): plain_json.number(value) for name, value in cast("dict[str, Any]", numbers).items()}
    return Alert(
        cast(int, seen),
        kind,
        str(raw.get("evidence", "")),
        str(raw.get("advice", "")),
        cast(Event, event),
        "warn" if raw.get("severity") == "warn" else "alarm",
        plain_json.number(raw.get("seconds")),
        {name: value for name, value in known.items() if value is not None},
    )
