"""The server's outermost layer: it answers the app's own page alone, and its headers keep that page to itself.

Streamlit checks only the WebSocket. It accepts any page of this machine there, and looks up the machine's public
address on the internet before it rejects a foreign one. So every request is checked here first, WebSocket or not.
"""

import base64
import hashlib
import re
from pathlib import Path

import streamlit as st
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Where Streamlit keeps the images and files that a page shows or offers.
_MEDIA = "/media/"
_INLINE_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def protection() -> list[Middleware]:
    """Return the middleware that `app.py` puts in front of Streamlit's own, outermost first."""
    return [Middleware(PrivateHeaders), Middleware(_KnownHosts), Middleware(OwnPageOnly)]


class _KnownHosts:
    """Reject requests for a host name that is not in `server.allowedHosts`, which ends DNS rebinding.

    The list is read when the first request comes, after the command line's own options. An empty one rejects all.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._checked: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._checked is None:
            names = [_bracketed(name) for name in st.get_option("server.allowedHosts")]
            self._checked = TrustedHostMiddleware(self._app, allowed_hosts=names, www_redirect=False)
        await self._checked(scope, receive, send)


class OwnPageOnly:
    """Reject requests that a page of another origin makes, also of another port on this machine.

    A person who follows a link or types the address is let in: nothing of the answer reaches the page that held the
    link.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or reject it with status 403."""
        if scope["type"] in {"http", "websocket"} and not _is_own(scope):
            answer = PlainTextResponse("SkinLens answers its own page only.", status_code=403)
            await answer(scope, receive, send)
            return
        await self._app(scope, receive, send)


class PrivateHeaders:
    """Add to every answer the headers that forbid the browser to load from, send to or be framed by another origin."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._headers = {
            "Content-Security-Policy": content_security_policy(),
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "Referrer-Policy": "no-referrer",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, under these headers."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] in {"http.response.start", "websocket.http.response.start"}:
                headers = MutableHeaders(scope=message)
                headers.update(self._headers)
                if scope["path"].startswith(_MEDIA):
                    # Patients' images stay out of the browser's cache on disk.
                    headers["Cache-Control"] = "no-store"
            await send(message)

        await self._app(scope, receive, send_with_headers)


def content_security_policy() -> str:
    """Return the policy: this server and nothing else, but for what Streamlit's page cannot do without.

    Its styles are written by scripts, some of its code is WebAssembly, its icons, charts and photographs are `data:`
    and `blob:` addresses, which lead nowhere, and its one inline script is named by digest.
    """
    scripts = " ".join(f"'sha256-{digest}'" for digest in _inline_script_digests())
    return "; ".join(
        (
            "default-src 'self'",
            "connect-src 'self' data:",
            f"script-src 'self' 'wasm-unsafe-eval' {scripts}".strip(),
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "worker-src 'self' blob:",
            "frame-src 'none'",
            "object-src 'none'",
            "base-uri 'self'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    )


def _inline_script_digests() -> list[str]:
    page = (Path(st.__file__).parent / "static" / "index.html").read_text("utf-8")
    return [
        base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in _INLINE_SCRIPT.findall(page)
    ]


def _is_own(scope: Scope) -> bool:
    """Whether the browser says that the app's own page, or a person, makes this request."""
    headers = Headers(scope=scope)
    origin = headers.get("origin")
    if origin is None:
        # Browsers name the origin of every WebSocket.
        return scope["type"] == "http" and (_same_site_or_typed(headers) or _is_visit(headers))
    scheme = "https" if scope["scheme"] in {"https", "wss"} else "http"
    return origin.lower() == f"{scheme}://{headers.get('host', '')}".lower()


def _same_site_or_typed(headers: Headers) -> bool:
    # Absent from programs that are no browsers; nothing here could stop those.
    return headers.get("sec-fetch-site", "none") in {"same-origin", "none"}


def _is_visit(headers: Headers) -> bool:
    return headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"


def _bracketed(name: str) -> str:
    """`[::1]`, as a Host header writes an IPv6 address, for `::1`."""
    return f"[{name}]" if ":" in name and not name.startswith("[") else name
