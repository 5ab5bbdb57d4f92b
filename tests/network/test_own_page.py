"""Only the app's own page reads what the server holds, whichever command started it.

Every foreign request is tried on the wire, so that nothing rests on a browser's good manners.
"""

import asyncio
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest
from starlette.types import Message, Scope
from websockets.exceptions import InvalidStatus

from skinlens.cases.store import open_store
from skinlens.ui.server import protection
from tests.made_up_cases import CARD, build_record
from tests.network.visitor import Visitor, ask
from tests.serving import SKINLENS, STREAMLIT, serving

PATIENT = "P-2026-0117"
EXAMPLE = "Try a synthetic example"
HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
PATHS = ("/", "/cases", "/_stcore/health", "/_stcore/host-config", "/_stcore/metrics", "/media/none.png")


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(STREAMLIT, id="streamlit-run"),
        # The same protection, behind another command.
        pytest.param(SKINLENS, id="skinlens-app", marks=pytest.mark.slow),
    ],
)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that keeps one case, and an image of an example in memory."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SKINLENS_HOME", str(tmp_path_factory.mktemp("kept")))
        store = open_store()
        store.save(build_record(), CARD, actor="dr-example")
        store.engine.dispose()
        with serving(request.param) as address:
            yield address


def port_of(address: str) -> int | None:
    return urlsplit(address).port


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "[::1]"])
@pytest.mark.slow
def test_the_own_page_sees_the_cases(server: str, name: str) -> None:
    with Visitor(server, host=f"{name}:{port_of(server)}") as visitor:
        visitor.look()
        assert PATIENT in visitor.look("Cases")


def test_a_name_that_leads_here_by_rebinding_sees_nothing(server: str) -> None:
    with pytest.raises(InvalidStatus) as rejected, Visitor(server, host=f"elsewhere.invalid:{port_of(server)}"):
        pass
    assert rejected.value.response.status_code == 400
    for path in PATHS:
        answer = ask(server, path, {"Host": f"elsewhere.invalid:{port_of(server)}"})
        assert (answer.status, answer.body) == (400, b"Invalid host header"), path


@pytest.mark.parametrize(
    "origin",
    [
        "http://localhost:1",
        "http://localhost",
        "http://127.0.0.1:{port}",
        "https://localhost:{port}",
        "http://localhost:{port}.elsewhere.invalid",
        "http://elsewhere.invalid",
        "null",
        None,
    ],
)
def test_another_page_on_this_machine_sees_nothing(server: str, origin: str | None) -> None:
    foreign = origin and origin.format(port=port_of(server))
    with pytest.raises(InvalidStatus) as rejected, Visitor(server, origin=foreign):
        pass
    assert rejected.value.response.status_code == 403
    if foreign is None:
        return
    for path in PATHS:
        assert ask(server, path, {"Origin": foreign}).status == 403, path
    sent = ask(server, "/_stcore/upload_file/any/any", {"Origin": foreign}, method="PUT")
    assert sent.status == 403


@pytest.mark.parametrize("site", ["same-site", "cross-site"])
def test_another_page_cannot_embed_an_image_or_a_frame(server: str, site: str) -> None:
    """Browsers send no Origin with these, but say where they come from."""
    image = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}
    frame = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}
    link = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert [ask(server, "/", headers).status for headers in (image, frame, link)] == [403, 403, 200]


def test_every_answer_carries_the_headers(server: str) -> None:
    page = ask(server, "/", {})
    script = re.search(rb'src="\.(/static/js/[^"]+)"', page.body)
    assert script
    foreign = ({"Host": "elsewhere.invalid"}, {"Origin": "http://elsewhere.invalid"})
    answers = [ask(server, path, {}) for path in (*PATHS, script[1].decode())]
    for answer in [*answers, *(ask(server, "/", headers) for headers in foreign)]:
        assert answer.headers.items() >= HEADERS.items()
        policy = answer.headers["content-security-policy"].split("; ")
        assert {"default-src 'self'", "frame-ancestors 'none'", "object-src 'none'"} <= set(policy)
        (scripts,) = (each for each in policy if each.startswith("script-src"))
        assert "unsafe-inline" not in scripts
        assert "'unsafe-eval'" not in scripts
        assert not re.search(r"https?:|\*", answer.headers["content-security-policy"])


def test_images_stay_out_of_the_browsers_cache(server: str) -> None:
    with Visitor(server) as visitor:
        visitor.look()
        said = visitor.click(EXAMPLE)
        shown = set(re.findall(r"/media/[0-9a-f]+\.\w+", said))
        assert shown, "the viewer shows images"
        for address in {"/media/none.jpg", *shown}:
            assert ask(server, address, {}).headers["cache-control"] == "no-store"


def test_the_agents_interface_is_off(server: str) -> None:
    assert ask(server, "/_stcore/agent/interact", {}, method="POST").status in {403, 404, 405}


def test_no_host_is_known_where_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server without our settings rejects all rather than none."""
    monkeypatch.setattr("streamlit.get_option", lambda name: {"server.allowedHosts": []}[name])
    said: list[Message] = []

    async def anything(*_: object) -> None:
        raise AssertionError("the request got through")

    async def send(message: Message) -> None:
        said.append(message)

    async def receive() -> Message:
        return {"type": "http.request"}

    app = anything
    for layer in reversed(protection()):
        app = layer.cls(app, *layer.args, **layer.kwargs)  # type: ignore[assignment]
    scope: Scope = {
        "type": "http",
        "path": "/",
        "method": "GET",
        "scheme": "http",
        "headers": [(b"host", b"localhost")],
    }
    # A thread of its own: in this one the browser tests' event loop is still at hand, and asyncio refuses a second.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, app(scope, receive, send)).result()
    assert said[0]["status"] == 400
