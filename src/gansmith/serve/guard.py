"""Who may ask: a browser that was given this launch's address, and no page of another site through it.

The address that is opened carries a token; it becomes a cookie that no script can read and no other site can send.
Host and Origin are compared, so that a name that is made to point here (DNS rebinding) gets nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
from collections.abc import Iterable
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE = "gansmith"
POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; style-src 'self'; "
    "img-src 'self' blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
ASKING = ("/api/wish", "/api/name", "/api/forget", "/api/nearest")  # the places where more than reading is asked
LONGEST = 2_000  # characters of an address


class Guard:
    """Lets requests through to `app` that carry `token`, go to one of `hosts` (name:port), and read or come from our
    own page to ASKING."""

    def __init__(self, app: ASGIApp, token: str, hosts: Iterable[str]) -> None:
        self.app, self.token, self.hosts = app, token, frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":  # there is nothing else here
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
            await send(message)

        answer = self._refusal(scope) or self._admission(scope) or self.app
        with contextlib.suppress(asyncio.CancelledError):  # a stream of news that ends with the server
            await answer(scope, receive, send_guarded)

    def _refusal(self, scope: Scope) -> ASGIApp | None:
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        if headers.get("host", "") not in self.hosts:
            return PlainTextResponse("This address is not served here.", 421)
        if origin is not None and origin.removeprefix("http://") not in self.hosts:
            return PlainTextResponse("Pages of other sites get nothing here.", 403)
        by_a_page = origin is not None  # browsers always say where a POST comes from
        asks = scope["method"] == "POST" and scope["path"] in ASKING and by_a_page
        if scope["method"] not in ("GET", "HEAD") and not asks:
            return PlainTextResponse("There is nothing to write here.", 405)
        if len(scope["path"]) + len(scope["query_string"]) > LONGEST:
            return PlainTextResponse("The address is too long.", 414)
        return None

    def _admission(self, scope: Scope) -> ASGIApp | None:
        """None where the cookie is right; a redirect that sets it where the address has the token; else 401."""
        cookies = cookie_parser(Headers(scope=scope).get("cookie", ""))
        if hmac.compare_digest(cookies.get(COOKIE, "").encode(), self.token.encode()):
            return None
        asked = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        if not hmac.compare_digest(asked.encode(), self.token.encode()):
            return PlainTextResponse(
                "Open the address that gansmith serve printed: it has a token for this launch.", 401
            )
        welcome = RedirectResponse("/", 303)
        welcome.set_cookie(COOKIE, self.token, httponly=True, samesite="strict")
        return welcome
