"""The server's answers: the pages, and what they ask for. Everything is a plain GET and changes nothing in a run, but
for a wish, which is left in its folder for the training to read, and names of directions. A picture is posted to be
compared, and kept nowhere."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from gansmith.callbacks.card import card
from gansmith.errors import GansmithError, RunFolderError
from gansmith.export.page import described
from gansmith.folder import alerts, control_file, named_directions, plain_json, verdicts
from gansmith.serve.columns import columns
from gansmith.serve.exports import Exports
from gansmith.serve.generators import (
    FILE,
    Generators,
    Made,
    has_generator,
    name_direction,
    require_generator,
    snapshots,
)
from gansmith.serve.guard import Guard
from gansmith.serve.library import ALIVE, Library, others, pictures
from gansmith.serve.live import changes
from gansmith.serve.nearest import Pools, data_of

LARGEST_RECIPE = 100_000  # letters of a recipe that are shown


def application(root: Path, token: str, hosts: list[str], pages: Path) -> Guard:
    """The runs below `root`, for browsers that carry `token` and ask one of `hosts` (name:port)."""
    library, generators, pools = Library(root), Generators(), Pools()
    handed = Exports(generators)

    async def runs(_: Request) -> Response:
        return _json(await run_in_threadpool(library.overviews))

    async def run(request: Request) -> Response:
        return _json(await run_in_threadpool(_described, library, request.query_params.get("id", "")))

    async def metrics(request: Request) -> Response:
        folder = library.folder(request.query_params.get("id", ""))
        return _json(await run_in_threadpool(columns, folder / "metrics.jsonl"))

    async def picture(request: Request) -> Response:
        asked = request.query_params
        return FileResponse(library.picture(asked.get("id", ""), asked.get("file", "")), media_type="image/png")

    def chosen(request: Request) -> tuple[Path, str]:
        asked = request.query_params
        return library.folder(asked.get("id", "")), asked.get("file", FILE)

    async def generator(request: Request) -> Response:
        folder, file = chosen(request)
        made = await run_in_threadpool(generators.of, folder, file)
        about = described(made.explorable, folder).about
        return _json({**about, "version": made.version, "data": data_of(made.metadata.get("recipe", {}))})

    def looked_at(request: Request) -> tuple[Path, Made]:
        """The generator that a page has open, by the version that `generator` told it."""
        folder, file = chosen(request)
        return folder, generators.of(folder, file, request.query_params.get("version", ""))

    async def graph(request: Request) -> Response:
        asked = request.query_params
        found = looked_at(request)[1].explorable
        if asked.get("name") not in found.graphs:
            raise RunFolderError(f"There is no graph of that name, only {' and '.join(found.graphs)}.")
        return Response(found.graphs[asked["name"]], media_type="application/octet-stream")

    async def card_of(request: Request) -> Response:
        folder = library.folder(request.query_params.get("id", ""))
        return _handed(await run_in_threadpool(lambda: card(folder).encode()), f"{folder.name}.md")

    async def weights(request: Request) -> Response:
        folder, file = chosen(request)
        require_generator(folder, file)
        return FileResponse(folder / file, filename=f"{folder.name}.safetensors")

    async def page(request: Request) -> Response:
        folder, file = chosen(request)
        return _handed(await run_in_threadpool(generators.page_of, folder, file), f"{folder.name}.html")

    async def exports(request: Request) -> Response:
        return _json(await run_in_threadpool(handed.table, library.folder(request.query_params.get("id", ""))))

    async def onnx(request: Request) -> Response:
        folder = library.folder(request.query_params.get("id", ""))
        return _handed((await run_in_threadpool(handed.onnx, folder)).content, f"{folder.name}-onnx.zip")

    async def proof(request: Request) -> Response:
        return Response(looked_at(request)[1].proof, media_type="application/octet-stream")

    async def name(request: Request) -> Response:
        asked, (folder, made) = request.query_params, looked_at(request)
        await run_in_threadpool(name_direction, folder, made, asked.get("direction", ""), asked.get("name", ""))
        return _json(described(made.explorable, folder).about["named"])

    async def forget(request: Request) -> Response:
        folder, made = looked_at(request)
        await run_in_threadpool(named_directions.forget, folder, request.query_params.get("name", ""))
        return _json(described(made.explorable, folder).about["named"])

    async def nearest(request: Request) -> Response:
        folder, made = looked_at(request)
        pixels = await _body(request, made.explorable.about["samples"]["shape"])
        recipe = made.metadata.get("recipe", {})
        return _json(await run_in_threadpool(lambda: pools.of(folder, recipe).nearest(pixels)))

    async def wish(request: Request) -> Response:
        asked = request.query_params
        await run_in_threadpool(_leave, library, asked.get("id", ""), asked.get("do", ""))
        return Response(status_code=204)

    async def events(request: Request) -> Response:
        asked = request.query_params
        start = request.headers.get("last-event-id") or asked.get("from", "0")
        folder = library.folder(asked.get("id", ""))
        stream = _stream(folder, int(start) if start.isdecimal() and len(start) < 16 else 0)
        return StreamingResponse(stream, media_type="text/event-stream")

    def refused(_: Request, error: Exception) -> Response:
        return PlainTextResponse(str(error), 404)

    routes = [
        Route("/api/runs", runs),
        Route("/api/run", run),
        Route("/api/metrics", metrics),
        Route("/api/picture", picture),
        Route("/api/events", events),
        Route("/api/generator", generator),
        Route("/api/graph", graph),
        Route("/api/card", card_of),
        Route("/api/weights", weights),
        Route("/api/page", page),
        Route("/api/exports", exports),
        Route("/api/onnx", onnx),
        Route("/api/proof", proof),
        Route("/api/wish", wish, methods=["POST"]),
        Route("/api/name", name, methods=["POST"]),
        Route("/api/forget", forget, methods=["POST"]),
        Route("/api/nearest", nearest, methods=["POST"]),
        Mount("/", StaticFiles(directory=pages, html=True)),
    ]
    return Guard(Starlette(routes=routes, exception_handlers={GansmithError: refused}), token, hosts)


async def _body(request: Request, shape: list[int]) -> bytes:
    """The pixels of a picture, RGBA; no more is read than one has. Raises RunFolderError."""
    most, held = 4 * math.prod(shape[1:]), b""
    async for part in request.stream():
        held += part
        if len(held) > most:
            raise RunFolderError(f"A picture of this run has {most} bytes, and more was sent.")
    return held


def _described(library: Library, name: str) -> dict[str, Any]:
    """What `overview` says, and the recipe, alarms and pictures."""
    folder = library.folder(name)
    try:
        with (folder / "recipe.toml").open(encoding="utf-8") as file:
            recipe = file.read(LARGEST_RECIPE)
    except (OSError, UnicodeDecodeError):
        recipe = ""
    return {
        **library.overview(name),
        "folder": str(folder),
        "recipe_text": recipe,
        "alerts": [asdict(alert) for alert in alerts.read(folder)],
        "verdicts": verdicts.read(folder),
        "grids": pictures(folder),
        "others": others(folder),
        "snapshots": snapshots(folder),
        "generator": (folder / FILE).stat().st_size if has_generator(folder) else None,
    }


def _leave(library: Library, name: str, wish: str) -> None:
    """Raises RunFolderError where there is no such wish, no training that could hear it, or a disk that refuses."""
    folder = library.folder(name)
    known = next((w for w in control_file.WISHES if w == wish), None)
    if known is None:
        raise RunFolderError(f"A training can be asked for {', '.join(control_file.WISHES)}, not '{wish[:100]}'.")
    if library.overview(name)["state"] not in ALIVE:
        raise RunFolderError(f"The run '{name}' is not training now, and hears nothing.")
    control_file.ask(folder, known)


async def _stream(folder: Path, start: int) -> AsyncIterator[str]:
    async for end, what in changes(folder, start):
        yield f"id: {end}\ndata: {plain_json.dumps(what)}\n\n"
        await asyncio.sleep(0)


def _handed(content: bytes, name: str) -> Response:
    """A file to keep: a browser saves it and shows nothing of it under our address."""
    told = f"attachment; filename*=UTF-8''{quote(name, safe='')}"
    return Response(content, media_type="application/octet-stream", headers={"Content-Disposition": told})


def _json(value: Any) -> Response:
    return Response(plain_json.dumps(value), media_type="application/json")
