"""The server's outermost layer, request by request: who is answered, and under which headers."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from skinlens.ui.server import OwnPageOnly, PrivateHeaders, content_security_policy, protection

HOST = ("host", "localhost:8501")


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("hello", headers={"Referrer-Policy": "unsafe-url"})(scope, receive, send)


def answer(app: ASGIApp, *headers: tuple[str, str], kind: str = "http", **scope: Any) -> tuple[int, dict[str, str]]:
    """Status and headers of one request."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": f"{kind}.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    given = {
        "type": kind,
        "method": "GET",
        "path": "/",
        "scheme": "http",
        "headers": [(name.encode(), value.encode()) for name, value in headers],
    }
    # A thread of its own, since the browser tests' event loop may still be at hand in this one.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, app(given | scope, receive, send)).result()  # type: ignore[arg-type]
    first = sent[0]
    return first["status"], {name.decode(): value.decode() for name, value in first["headers"]}


class TestOwnPageOnly:
    @pytest.mark.parametrize(
        ("headers", "status"),
        [
            ((), 200),
            ((("origin", "http://localhost:8501"),), 200),
            ((("origin", "HTTP://LOCALHOST:8501"),), 200),
            ((("origin", "https://localhost:8501"),), 403),
            ((("origin", "http://localhost:8502"),), 403),
            ((("origin", "null"),), 403),
            ((("sec-fetch-site", "same-origin"),), 200),
            ((("sec-fetch-site", "cross-site"),), 403),
            ((("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")), 200),
            ((("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe")), 403),
        ],
    )
    def test_who_is_answered(self, headers: tuple[tuple[str, str], ...], status: int) -> None:
        assert answer(OwnPageOnly(hello), HOST, *headers)[0] == status

    def test_the_origin_follows_the_scheme_of_the_request(self) -> None:
        secure = ("origin", "https://localhost:8501")
        assert answer(OwnPageOnly(hello), HOST, secure, scheme="https")[0] == 200
        assert answer(OwnPageOnly(hello), HOST, ("origin", "http://localhost:8501"), scheme="https")[0] == 403

    def test_a_socket_needs_an_origin(self) -> None:
        """Browsers name the origin of every WebSocket, so one without is not from a browser's page."""
        passed = []

        async def accept(scope: Scope, _: Receive, send: Send) -> None:
            passed.append(scope["type"])
            await send({"type": "websocket.http.response.start", "status": 101, "headers": []})

        socket = {"kind": "websocket", "extensions": {"websocket.http.response": {}}}
        assert answer(OwnPageOnly(accept), HOST, **socket)[0] == 403  # type: ignore[arg-type]
        assert passed == []
        assert answer(OwnPageOnly(accept), HOST, ("origin", "http://localhost:8501"), **socket)[0] == 101  # type: ignore[arg-type]

    def test_starting_and_stopping_the_server_is_let_through(self) -> None:
        started = []

        async def lifespan(scope: Scope, _: Receive, send: Send) -> None:
            started.append(scope["type"])
            await send({"type": "lifespan", "status": 0, "headers": []})

        answer(OwnPageOnly(lifespan), kind="lifespan")
        assert started == ["lifespan"]


class TestPrivateHeaders:
    def test_they_replace_those_of_the_answer(self) -> None:
        _, headers = answer(PrivateHeaders(hello), HOST)
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-frame-options"] == "DENY"
        assert headers["content-security-policy"] == content_security_policy()

    @pytest.mark.parametrize(("path", "kept"), [("/media/a.png", "no-store"), ("/", None), ("/static/media/x", None)])
    def test_images_of_patients_are_not_cached(self, path: str, kept: str | None) -> None:
        assert answer(PrivateHeaders(hello), HOST, path=path)[1].get("cache-control") == kept


def test_the_policy_names_no_other_host_and_no_unsafe_script() -> None:
    policy = dict(part.split(" ", 1) for part in content_security_policy().split("; "))
    assert policy["default-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["object-src"] == policy["frame-src"] == "'none'"
    assert not any("http" in sources or "*" in sources for sources in policy.values())
    # Streamlit's one inline script, by its digest.
    assert policy["script-src"].split()[:2] == ["'self'", "'wasm-unsafe-eval'"]
    assert all(source.startswith("'sha256-") for source in policy["script-src"].split()[2:])


def test_headers_are_outermost_so_that_rejections_carry_them() -> None:
    app: ASGIApp = hello
    for layer in reversed(protection()):
        app = layer.cls(app, *layer.args, **layer.kwargs)
    status, headers = answer(app, ("host", "elsewhere.invalid"))
    assert status == 400
    assert headers["x-frame-options"] == "DENY"
