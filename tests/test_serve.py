"""The runs in the browser: what the server finds, whom it answers, what it says of hostile folders, and the pages."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from gansmith.config import build
from gansmith.contracts import Architecture, GivenSpec, Spec
from gansmith.data.codec import ImageCodec
from gansmith.errors import GansmithError, RunFolderError
from gansmith.folder import alerts, control_file, generator_file, metrics_log
from gansmith.folder.alerts import Alert
from gansmith.folder.run_json import update_run
from gansmith.serve import columns as columns_module
from gansmith.serve import generators, live, server
from gansmith.serve.columns import columns
from gansmith.serve.generators import Generators, has_generator
from gansmith.serve.library import Library

uvicorn = pytest.importorskip("uvicorn")
pytest.importorskip("starlette")
from gansmith.serve.app import application  # noqa: E402

TOKEN = "a token of this launch"
COOKIE = {"Cookie": f'gansmith="{TOKEN}"'}
AXE = Path(__file__).resolve().parents[1] / "web" / "node_modules" / "axe-core" / "axe.min.js"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def a_run(folder: Path, rows: int = 5, **said: Any) -> Path:
    """A run folder as a training leaves it."""
    update_run(folder, **{"state": "finished", "recipe": "auto", "data": {"path": "/x/photos"}, **said})
    log = metrics_log.MetricsLog(folder / "metrics.jsonl")
    for k in range(rows):
        log.append(100 * (k + 1), float(k), {"loss/generator": 1 / (k + 1), "rate/samples_per_second": 9.0})
    (folder / "samples").mkdir()
    for name in ("000000000.png", "000001000.png", "uncurated.png"):
        Image.new("L", (8, 8)).save(folder / "samples" / name)
    return folder


# ---- what is found


def test_runs_are_found_at_any_depth_and_links_are_not_followed(tmp_path: Path) -> None:
    a_run(tmp_path / "runs" / "a")
    a_run(tmp_path / "runs" / "b" / "c")
    a_run(tmp_path / "runs" / "b" / "c" / "inner")  # inside a run: not another one
    a_run(tmp_path / "elsewhere")
    (tmp_path / "runs" / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "runs" / "circle").symlink_to(tmp_path / "runs")
    (tmp_path / "runs" / ".hidden").mkdir()
    (tmp_path / "runs" / "notes").mkdir()
    assert Library(tmp_path / "runs").scan() == ["a", "b/c"]
    assert Library(tmp_path / "runs" / "a").scan() == ["."]


def test_an_overview_says_how_far_a_run_is(tmp_path: Path) -> None:
    a_run(tmp_path / "a", rows=300, best={"frechet": 2.5})
    said = Library(tmp_path).overview("a")
    assert said["state"] == "finished"
    assert said["data"] == "photos"
    assert said["samples_seen"] == 30_000
    assert said["rate"] == 9.0
    assert said["picture"] == "000001000.png"
    assert len(said["loss"]) == 100
    assert said["loss"][-1] == pytest.approx(1 / 300)


def test_a_run_whose_process_is_gone_is_interrupted(tmp_path: Path) -> None:
    a_run(tmp_path / "a", state="running")
    library = Library(tmp_path)
    assert library.overview("a")["state"] == "interrupted"  # no lock at all
    lock = tmp_path / "a" / "run.lock"
    lock.write_text(json.dumps({"pid": os.getpid(), "host": socket.gethostname()}))
    assert library.overview("a")["state"] == "running"
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    lock.write_text(json.dumps({"pid": gone.pid, "host": socket.gethostname()}))
    assert library.overview("a")["state"] == "interrupted"
    lock.write_text(json.dumps({"pid": 1, "host": "another machine"}))
    assert library.overview("a")["state"] == "running"
    os.utime(tmp_path / "a" / "metrics.jsonl", (0, 0))
    os.utime(tmp_path / "a" / "run.json", (0, 0))
    assert library.overview("a")["state"] == "interrupted"


@pytest.mark.parametrize("content", ["", "{", "[]", '{"format": "gansmith run", "version": 9}', "\0\xff", '{"a": 1}'])
def test_a_broken_run_is_listed_with_its_problem(content: str, tmp_path: Path) -> None:
    a_run(tmp_path / "good")
    a_run(tmp_path / "bad")
    (tmp_path / "bad" / "run.json").write_text(content, encoding="latin-1")
    listed = {run["id"]: run for run in Library(tmp_path).overviews()}
    assert listed["bad"]["state"] == "unreadable"
    assert listed["bad"]["problem"]
    assert listed["good"]["state"] == "finished"


def test_nonsense_in_a_run_is_no_error(tmp_path: Path) -> None:
    folder = a_run(tmp_path / "a", data=[], scores="good", alarms=None, samples_seen="many", best=7)
    (folder / "metrics.jsonl").write_bytes(b'{"samples_seen": 1}\n\xff\n{"samples_seen": -1, "seconds": 1}\n[]\n{"cut')
    said = Library(tmp_path).overview("a")
    assert said["samples_seen"] == 0
    assert said["scores"] == {}
    assert columns(folder / "metrics.jsonl")["columns"] == {}


# ---- metrics


def test_long_metrics_are_thinned_but_rare_rows_stay(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    with path.open("w") as file:
        for k in range(100_000):
            row: dict[str, Any] = {
                "samples_seen": k,
                "seconds": k / 9,
                "loss/generator": 1.0,
                "loss/discriminator": 2.0,
            }
            if k == 54_321:
                row["loss/generator"] = "NaN"
            file.write(json.dumps(row) + "\n")
            if k % 10_000 == 7:
                file.write(json.dumps({"samples_seen": k, "seconds": k / 9, "score/frechet": k}) + "\n")
        file.write('{"samples_seen": 100000, "seco')
    begin = time.perf_counter()
    found = columns(path)
    assert time.perf_counter() - begin < 2  # some .2 s on an idle machine
    seen = found["columns"]["samples_seen"]
    assert found["rows"] == 100_010
    assert 500 < len(seen) < 1_020
    assert seen[-1] == 99_999
    assert [k for k in found["columns"]["score/frechet"] if k is not None] == [k * 10_000 + 7 for k in range(10)]
    assert 54_321 in seen
    assert found["end"] == path.stat().st_size - len('{"samples_seen": 100000, "seco')
    assert columns(tmp_path / "none") == {"end": 0, "rows": 0, "columns": {}}


def test_metrics_are_read_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "metrics.jsonl"
    log = metrics_log.MetricsLog(path)
    for k in range(300):
        log.append(k, float(k), {"loss/generator": k, **({"score/frechet": k} if k % 100 == 50 else {})})
    whole = columns(path, 100)
    monkeypatch.setattr(columns_module, "CHUNK", 1_000)
    assert columns(path, 100) == whole
    assert whole["end"] == path.stat().st_size
    plain = [k for k in range(300) if k % 100 != 50]
    assert whole["columns"]["samples_seen"] == sorted({*plain[3::4], 50, 150, 250, 299})
    with path.open("ab") as file:
        file.write(b"x" * 5_000 + b"\n" + b'{"samples_seen": 300, "seconds": 1, "loss/generator": 7}\n{"samples_se')
    found = columns(path, 100)
    assert found["columns"]["loss/generator"][-1] == 7
    assert found["end"] == path.stat().st_size - len('{"samples_se')
    monkeypatch.setattr(columns_module, "MOST", 500)
    assert 290 < columns(path, 100)["columns"]["samples_seen"][0] <= 300


def test_the_tail_of_metrics_is_that_of_all_of_them(tmp_path: Path) -> None:
    a_run(tmp_path / "a", rows=500)
    path = tmp_path / "a" / "metrics.jsonl"
    assert metrics_log.tail(path, 50) == metrics_log.read(path)[-50:]
    assert metrics_log.tail(path, 10_000) == metrics_log.read(path)
    assert metrics_log.tail(tmp_path / "none", 5) == []


def test_news_come_once_and_go_on_after_a_reconnect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "PAUSE", 0.01)
    folder = a_run(tmp_path / "a", rows=2)
    log = metrics_log.MetricsLog(folder / "metrics.jsonl")

    async def follow() -> None:
        told = live.changes(folder, 0)
        end, news = await anext(told)
        assert [row["samples_seen"] for row in news["rows"]] == [100, 200]
        log.append(300, 3.0, {"loss/generator": float("nan")})
        with (folder / "metrics.jsonl").open("a") as file:
            file.write('{"samples_seen": 400, "sec')  # being written
        _, news = await anext(told)
        assert [row["samples_seen"] for row in news["rows"]] == [300]
        Image.new("L", (8, 8)).save(folder / "samples" / "000002000.png")
        _, news = await anext(told)
        assert news["changed"]
        assert news["grids"][-1] == "000002000.png"
        again = live.changes(folder, end)
        _, news = await anext(again)
        assert [row["samples_seen"] for row in news["rows"]] == [300]
        (folder / "metrics.jsonl").write_text("")
        _, news = await anext(told)
        assert news["restart"]
        await told.aclose()
        await again.aclose()

    asyncio.run(asyncio.wait_for(follow(), 20))


# ---- who is answered


class Served:
    """A server in a thread, and requests to it as they are."""

    def __init__(self, port: int) -> None:
        self.port = port

    def get(
        self, path: str, headers: dict[str, str] | None = None, method: str = "GET", body: bytes | None = None
    ) -> tuple[int, Any, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request(method, path, body, headers=COOKIE if headers is None else headers)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer.status, answer.headers, body


@contextmanager
def serving(root: Path, pages: Path) -> Iterator[Served]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        app = application(root, TOKEN, [f"127.0.0.1:{port}"], pages)
        running = uvicorn.Server(uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        yield Served(port)
        running.should_exit = True
        thread.join(10)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    a_run(tmp_path / "runs" / "a")
    (tmp_path / "secret.png").write_bytes(b"secret")
    (tmp_path / "runs" / "secret.txt").write_bytes(b"secret")
    pages = tmp_path / "pages"
    pages.mkdir()
    (pages / "index.html").write_text("<p>page</p>")
    with serving(tmp_path / "runs", pages) as one:
        yield one


def test_the_token_becomes_a_cookie(served: Served) -> None:
    status, headers, _ = served.get(f"/?token={TOKEN.replace(' ', '%20')}", {})
    assert status == 303
    assert headers["Location"] == "/"
    assert "HttpOnly" in headers["Set-Cookie"]
    assert "samesite=strict" in headers["Set-Cookie"].lower()
    assert served.get("/")[2] == b"<p>page</p>"


@pytest.mark.parametrize("path", ["/", "/api/runs", "/api/picture?id=a&file=uncurated.png", "/api/events?id=a"])
def test_without_the_token_nothing_is_told(served: Served, path: str) -> None:
    for headers in ({}, {"Cookie": "gansmith=guess"}, {"Cookie": "gansmith="}):
        status, _, body = served.get(path, headers)
        assert status == 401
        assert b"Open the address" in body
    assert served.get("/?token=guess", {})[0] == 401


@pytest.mark.parametrize(
    ("headers", "method", "status"),
    [
        ({"Host": "evil.example"}, "GET", 421),
        ({"Host": "127.0.0.1"}, "GET", 421),
        ({"Origin": "http://evil.example"}, "GET", 403),
        ({"Origin": "null"}, "GET", 403),
        ({}, "POST", 405),
        ({"Origin": "http://evil.example"}, "POST", 403),
        ({}, "DELETE", 405),
    ],
)
def test_other_sites_and_other_names_get_nothing(
    served: Served, headers: dict[str, str], method: str, status: int
) -> None:
    found, all_headers, body = served.get("/api/runs", COOKIE | headers, method)
    assert found == status
    assert b"loss" not in body
    assert "script-src 'self'" in all_headers["Content-Security-Policy"]
    assert served.get("/?" + "x" * 3000)[0] == 414


def test_only_our_own_page_may_ask_a_training_for_something(served: Served) -> None:
    folder = served_root(served) / "a"
    ours, asked = {"Origin": f"http://127.0.0.1:{served.port}"}, "/api/wish?id=a&do=pause"
    update_run(folder, state="running")
    (folder / "run.lock").write_text(json.dumps({"pid": os.getpid(), "host": socket.gethostname()}))
    assert served.get(asked, COOKIE, "POST")[0] == 405  # no Origin: no browser's page
    assert served.get(asked, COOKIE | {"Origin": "http://evil.example"}, "POST")[0] == 403
    assert served.get(asked, ours, "POST")[0] == 401
    assert served.get("/api/runs", COOKIE | ours, "POST")[0] == 405
    assert served.get(asked)[0] == 404
    assert control_file.take(folder) is None
    assert served.get(asked, COOKIE | ours, "POST")[0] == 204
    assert control_file.take(folder) == "pause"
    status, _, body = served.get("/api/wish?id=a&do=explode", COOKIE | ours, "POST")
    assert (status, b"pause, continue, snapshot, stop" in body) == (404, True)
    assert served.get("/api/wish?id=../a&do=stop", COOKIE | ours, "POST")[0] == 404
    update_run(folder, state="finished")
    status, _, body = served.get(asked, COOKIE | ours, "POST")
    assert (status, b"hears nothing" in body) == (404, True)
    assert control_file.take(folder) is None


def test_every_answer_forbids_inline_scripts_and_guessing(served: Served) -> None:
    for path in (
        "/",
        "/api/runs",
        "/api/run?id=a",
        "/api/picture?id=a&file=uncurated.png",
        "/none",
        "/api/run?id=none",
    ):
        _, headers, _ = served.get(path)
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy.replace("'wasm-unsafe-eval'", "")  # which runs no script
        assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.png",
        "/%2e%2e/secret.png",
        "/..%2fsecret.png",
        "/api/run?id=..",
        "/api/run?id=%2e%2e%2fa",
        "/api/run?id=/etc",
        "/api/run?id=a/../a",
        "/api/run?id=a%00",
        "/api/picture?id=a&file=../../secret.png",
        "/api/picture?id=a&file=../run.json",
        "/api/picture?id=a&file=/etc/passwd",
        "/api/picture?id=a&file=..%2f..%2f..%2fsecret.png",
        "/api/picture?id=a&file=link.png",
        "/api/picture?id=a&file=000000007.png",
        "/api/picture?id=a/../..&file=secret.png",
        "/api/picture",
        "/api/metrics",
        "/api/events?id=b",
    ],
)
def test_no_path_leads_out(served: Served, path: str, tmp_path: Path) -> None:
    samples = tmp_path / "runs" / "a" / "samples"
    (samples / "link.png").symlink_to(tmp_path / "secret.png")
    (samples / "000000007.png").symlink_to(tmp_path / "secret.png")
    status, _, body = served.get(path)
    assert status == 404
    assert b"secret" not in body or b"no picture" in body


def test_what_the_pages_ask_for(served: Served) -> None:
    alerts.append(served_root(served) / "a", Alert(100, "collapse", "<script>alert(1)</script>", "look"))
    runs = json.loads(served.get("/api/runs")[2])
    assert [run["id"] for run in runs] == ["a"]
    run = json.loads(served.get("/api/run?id=a")[2])
    assert run["grids"] == ["000000000.png", "000001000.png"]
    assert run["others"] == ["uncurated.png"]
    assert run["alerts"][0]["evidence"] == "<script>alert(1)</script>"
    metrics = json.loads(served.get("/api/metrics?id=a")[2])
    assert metrics["columns"]["samples_seen"] == [100, 200, 300, 400, 500]
    status, headers, body = served.get("/api/picture?id=a&file=uncurated.png")
    assert (status, headers["Content-Type"], body[:4]) == (200, "image/png", b"\x89PNG")
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=10)
    connection.request("GET", "/api/events?id=a", headers=COOKIE | {"Last-Event-ID": "0"})
    answer = connection.getresponse()
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    assert answer.readline() == f"id: {metrics['end']}\n".encode()
    assert len(json.loads(answer.readline()[6:])["rows"]) == 5
    connection.close()


def test_what_can_be_kept(served: Served) -> None:
    folder = served_root(served) / "a"
    status, headers, body = served.get("/api/card?id=a")
    assert (status, headers["Content-Disposition"]) == (200, "attachment; filename*=UTF-8''a.md")
    assert body.startswith(b"---\nlibrary_name: gansmith")
    for path in ("/api/weights?id=a", "/api/page?id=a"):
        status, _, body = served.get(path)
        assert (status, b"no generator yet" in body) == (404, True)
    (folder / "generator.safetensors").symlink_to(folder.parent / "secret.txt")
    assert served.get("/api/weights?id=a")[0] == 404
    (folder / "generator.safetensors").unlink()
    (folder / "generator.safetensors").write_bytes(b"weights")
    status, headers, body = served.get("/api/weights?id=a")
    assert (status, body) == (200, b"weights")
    assert "a.safetensors" in headers["Content-Disposition"]
    status, _, body = served.get("/api/page?id=a")
    assert status == 404
    assert b"generator" in body


def served_root(served: Served) -> Path:
    return Path(json.loads(served.get("/api/run?id=a")[2])["folder"]).parent


def test_fifty_long_runs_are_listed_in_a_second(tmp_path: Path) -> None:
    line = json.dumps({"samples_seen": 1, "seconds": 1.0, **{f"loss/{k}": 0.123456789 for k in range(16)}}) + "\n"
    for k in range(50):
        folder = a_run(tmp_path / f"run{k}", rows=1)
        (folder / "metrics.jsonl").write_text(line * 2_000)
    begin = time.perf_counter()
    assert len(Library(tmp_path).overviews()) == 50
    assert time.perf_counter() - begin < 3  # .4 s on an idle machine


# ---- before it starts


def test_what_is_missing_is_said_before_it_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RunFolderError, match="There is no folder"):
        server.require(tmp_path / "none")
    monkeypatch.setattr(server, "PAGES", tmp_path / "pages")
    with pytest.raises(GansmithError, match="make web"):
        server.require(tmp_path)
    monkeypatch.setattr(server, "NEEDED", ("no_such_package",))
    with pytest.raises(GansmithError, match=r"needs? no_such_package|need no_such_package.*gansmith\[web\]"):
        server.require(tmp_path)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        number = taken.getsockname()[1]
        with pytest.raises(GansmithError, match=f"Port {number} cannot be used"):
            server._listening(number)
        monkeypatch.setattr(server, "PORT", number)
        with server._listening(None) as free:
            assert free.getsockname()[1] != number


# ---- in a browser


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Any]:
    """A browser's page at the runs in tmp_path, served by the command; fails on errors in its console."""
    sync_api = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("no Chromium here")
    if not (server.PAGES / "index.html").is_file():
        pytest.skip("the pages are not built: make web")
    words = [sys.executable, "-m", "gansmith", "serve", str(tmp_path)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    address = next(line.strip() for line in process.stdout if "token=" in line)
    try:
        with sync_api.sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            context = browser.new_context(viewport={"width": 360, "height": 740}, locale="en-GB")
            one = context.new_page()
            problems: list[str] = []
            asked: set[str] = set()
            one.on("console", lambda m: problems.append(m.text) if m.type in ("error", "warning") else None)
            one.on("pageerror", lambda error: problems.append(str(error)))
            one.on("request", lambda request: asked.add(request.url.split("/")[2]))
            one.goto(address)
            yield one
            assert problems == []
            assert asked == {address.split("/")[2]}
            browser.close()
        process.send_signal(signal.SIGINT)
        assert process.wait(30) in (0, 130)
    finally:
        process.kill()


def accessible(page: Any) -> None:
    """axe finds nothing on this page, where axe is here."""
    if AXE.is_file():
        page.evaluate(AXE.read_text(encoding="utf-8"))
        found = page.evaluate("axe.run()")["violations"]
        assert [(v["id"], v["nodes"][0]["html"]) for v in found] == []


def a_generator(folder: Path) -> Path:
    """A run folder with a generator of 8x8 pictures, of two classes."""
    spec = Spec((1, 8, 8), GivenSpec(("cat", "<b>dog</b>")))
    table = {"name": "mlp", "generator_widths": [16], "discriminator_widths": [16], "latent": 12}
    network = build(Architecture, table, "x", trust=False).build(spec)[0]  # type: ignore[type-abstract]
    tensors = {name: x.detach() for name, x in network.state_dict().items()}
    said = {"codec": ImageCodec(spec).describe(), "recipe": {"architecture": table, "data": {"path": "/x/photos"}}}
    generator_file.write(a_run(folder) / "generator.safetensors", tensors, said)
    return folder


def test_generators_are_made_once_and_anew_when_they_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxruntime")
    folder = a_generator(tmp_path / "a")
    found = Generators()
    first = found.of(folder)
    assert sorted(first.explorable.graphs) == ["mapping.onnx", "synthesis.onnx"]
    assert found.of(folder) is first
    os.utime(folder / "generator.safetensors", (1, 1))
    assert found.of(folder) is not first
    assert found.of(folder, version=first.version) is first  # a page that looks at it goes on with it
    with pytest.raises(RunFolderError, match="has changed since"):
        found.of(folder, version="1")
    (folder / "generator.safetensors").write_bytes(b"no generator")
    with pytest.raises(GansmithError):
        found.of(folder)
    monkeypatch.setattr(generators, "Trained", lambda path: 1 / 0)
    with pytest.raises(GansmithError, match="cannot be explored"):
        found.of(folder)
    monkeypatch.setattr(generators, "LARGEST", 5)
    with pytest.raises(RunFolderError, match="too many"):
        found.of(folder)
    assert not has_generator(a_run(tmp_path / "b"))
    (tmp_path / "b" / "generator.safetensors").symlink_to(folder / "generator.safetensors")
    with pytest.raises(RunFolderError, match="first checkpoint"):
        found.of(tmp_path / "b")


def test_runs_are_compared(tmp_path: Path, page: Any) -> None:
    for name, rate, rows in (("one", "0.001", 5), ("two", "0.002", 9)):
        folder = a_run(tmp_path / name, rows, scores={"values": {"frechet": float(rows)}})
        (folder / "recipe.toml").write_text(f"[optimizer]\nlr = {rate}\nname = 'adam'\n")
    page.get_by_label("Compare this run: one").check()
    page.get_by_text("Two to eight runs").wait_for()
    page.get_by_label("Compare this run: two").check()
    accessible(page)
    page.get_by_role("link", name="Compare: one, two").click()
    page.get_by_role("row", name="optimizer.lr 0.001 0.002").wait_for()
    page.get_by_role("row", name="frechet 5 9").wait_for()
    assert page.get_by_role("row", name="optimizer.name").count() == 0
    assert page.locator(".side img").count() == 2
    chart = page.get_by_role("img", name="loss/generator: one 0.2000, two 0.1111")
    chart.locator("canvas").wait_for()
    page.get_by_role("slider", name="Which grid").fill("0")
    page.get_by_text("one: 0 samples seen").wait_for()
    accessible(page)


def test_a_training_is_seen_growing(tmp_path: Path, page: Any) -> None:
    pytest.importorskip("sklearn")
    words = [sys.executable, "-m", "gansmith", "train", "digits", "--run", str(tmp_path / "live"), "--samples", "1M"]
    quick = ["--set", "evaluate.times=0", "architecture.width=8"]
    hostile = a_run(tmp_path / "<img src=x onerror=alert(1)>")
    alerts.append(hostile, Alert(100, "collapse", "<script>alert(1)</script>", "look"))
    training = subprocess.Popen([*words, *quick], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        page.get_by_role("link", name="live").click(timeout=60_000)
        page.locator(".chart canvas").first.wait_for(timeout=60_000)
        page.get_by_text("running", exact=True).wait_for(timeout=60_000)
        newest = page.locator(".scrubber output")
        first = newest.inner_text()
        page.wait_for_function(
            "t => document.querySelector('.scrubber output').innerText !== t", arg=first, timeout=90_000
        )
        page.get_by_role("button", name="Pause the training").click()
        page.get_by_text("paused", exact=True).wait_for(timeout=60_000)
        page.get_by_role("button", name="Go on").click()
        page.get_by_text("running", exact=True).wait_for(timeout=60_000)
        page.get_by_role("button", name="Stop and save").click()
        page.get_by_role("button", name="Press again to stop").click()
        page.get_by_text("stopped", exact=True).wait_for(timeout=60_000)
        assert training.wait(60) == 130
    finally:
        training.kill()
    page.get_by_role("img", name="taken for real").wait_for()  # the histograms of the first look
    accessible(page)
    slider = page.get_by_role("slider", name="Which grid")
    slider.fill("0")
    assert newest.inner_text() == "0 samples seen"
    page.get_by_role("button", name="Play").click()
    page.get_by_role("button", name="Play").wait_for()  # it has come to the end
    assert newest.inner_text() != "0 samples seen"
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV").click()
    table = Path(download.value.path()).read_text().splitlines()
    assert table[0].startswith("samples_seen,seconds,")
    assert len(table) > 3
    page.get_by_role("link", name="All runs").click()
    page.get_by_role("link", name="onerror").click()
    page.get_by_text("<script>alert(1)</script>").wait_for()
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 360
    page.get_by_role("button", name="中文").click()
    page.locator("html[lang=zh]").wait_for(state="attached")
    page.get_by_role("link", name="所有训练").wait_for()
