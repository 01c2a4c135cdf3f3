"""The report's frame: style, escaping and small pieces of HTML. Whatever comes from a run goes through `esc`."""

from __future__ import annotations

import html
from typing import Any

from gansmith.callbacks.charts import value_text

STYLE = """
:root{color-scheme:light dark;--back:#fbfbfa;--card:#fff;--ink:#1c1d20;--soft:#5c6068;--line:#dcdde0;--warn:#b45309}
@media(prefers-color-scheme:dark){:root{--back:#131416;--card:#1c1e21;--ink:#e8e9eb;--soft:#a3a7af;--line:#34373c;
--warn:#f59e0b;--series-0:#4aa8e8;--series-1:#f2813a;--series-2:#2cc79b;--series-3:#e59bc4}}
*{box-sizing:border-box}
body{margin:0;background:var(--back);color:var(--ink);font:16px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}
main{max-width:76rem;margin:0 auto;padding:1.25rem 1rem 4rem}
h1{font-size:1.7rem;line-height:1.2;margin:.3rem 0}h2{font-size:1.2rem;margin:2.2rem 0 .6rem}
h3{font-size:1rem;margin:0 0 .4rem}p{margin:.4rem 0;max-width:70ch}.soft{color:var(--soft)}
.note{font-size:.85rem;margin:0 0 .4rem}
.state{display:inline-block;border:1px solid var(--line);border-radius:1rem;padding:.05rem .7rem;font-size:.9rem}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,13rem),1fr));gap:.6rem;margin:1rem 0}
.facts>div,.card{background:var(--card);border:1px solid var(--line);border-radius:.5rem;padding:.6rem .8rem;
min-width:0}
dt{color:var(--soft);font-size:.85rem}dd{margin:0}
.grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,23rem),1fr));gap:.8rem}
.few{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,15rem),1fr));gap:.8rem}
figure{margin:0}img{max-width:100%;height:auto;display:block;border-radius:.25rem;background:var(--line)}
img.wide{width:100%;max-width:48rem}img.fill{width:100%}img.small{image-rendering:pixelated}
figcaption{font-size:.85rem;color:var(--soft);margin-top:.25rem}
.scroll{overflow-x:auto}table{border-collapse:collapse;min-width:min(100%,24rem)}
th,td{text-align:left;padding:.3rem .9rem .3rem 0;border-bottom:1px solid var(--line);vertical-align:top}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
.alert{border-left:.3rem solid var(--warn);margin:.6rem 0}
pre{background:var(--card);border:1px solid var(--line);border-radius:.5rem;padding:.7rem .8rem;overflow-x:auto;
font:.85rem/1.45 ui-monospace,monospace;overflow-wrap:normal;margin:.4rem 0}
summary{cursor:pointer}
"""
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"  # a hostile name cannot load anything


def esc(value: object) -> str:
    """Text made safe for HTML, attributes included."""
    return html.escape(str(value))


def plain(value: Any) -> str:
    """A JSON value in a line: {"a": 1, "b": [2, 3]} is "a: 1, b: 2 3"."""
    if isinstance(value, dict):
        return ", ".join(f"{str(key).replace('_', ' ')}: {plain(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        rest = f" … ({len(value)} in all)" if len(value) > 12 else ""
        return " ".join(plain(item) for item in value[:12]) + rest
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value_text(value) if isinstance(value, float) else "-" if value is None else str(value)


def facts(values: dict[str, Any]) -> str:
    """A list of named facts; those that are None are left out."""
    items = [f"<div><dt>{esc(k)}</dt><dd>{esc(plain(v))}</dd></div>" for k, v in values.items() if v is not None]
    return f'<dl class="facts">{"".join(items)}</dl>' if items else ""


def section(title: str, *parts: str) -> str:
    """A headed section; nothing where it has nothing in it."""
    body = "".join(parts)
    return f"<section><h2>{esc(title)}</h2>{body}</section>" if body else ""


def table(head: list[str], rows: list[list[str]]) -> str:
    """A table whose first column names the rows and whose others are numbers, as texts."""
    top = "".join(f'<th scope="col"{" class=n" if k else ""}>{esc(cell)}</th>' for k, cell in enumerate(head))
    body = "".join(
        f'<tr><th scope="row">{esc(row[0])}</th>{"".join(f"<td class=n>{esc(cell)}</td>" for cell in row[1:])}</tr>'
        for row in rows
    )
    return f'<div class="scroll"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def missing(what: str) -> str:
    """A line that says what could not be shown."""
    return f'<p class="soft">{esc(what)}</p>'


def page(title: str, body: str) -> bytes:
    """The whole HTML document in UTF-8; what that cannot hold (halves of surrogate pairs) becomes question marks."""
    text = (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{esc(title)}</title><style>{STYLE}</style></head><body><main>{body}</main></body></html>\n"
    )
    return text.replace("\0", "?").encode("utf-8", "replace")
