"""A visitor of the app without a browser: the WebSocket that Streamlit's page speaks, under any Host and Origin."""

import socket
from collections.abc import Iterator
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect

SECONDS = 120


class Visitor:
    """One open page.

    Args:
        address: Of the server, such as `http://localhost:8501`.
        host: Host header and, unless `origin` says otherwise, the page's own origin; None for the address's.
        origin: Origin header; None leaves it out.

    Raises:
        websockets.exceptions.InvalidStatus: If the server rejects the visitor.
    """

    def __init__(self, address: str, *, host: str | None = None, origin: Any = "own") -> None:
        named = host or urlsplit(address).netloc
        self._socket = reach(address)
        self._connecting = connect(
            f"ws://{named}/_stcore/stream",
            sock=self._socket,
            origin=f"http://{named}" if origin == "own" else origin,  # type: ignore[arg-type]
            subprotocols=["streamlit"],  # type: ignore[list-item]
            max_size=None,
            proxy=None,
        )
        self._pages: dict[str, str] = {}
        self._page = ""
        self._buttons: dict[str, str] = {}

    def __enter__(self) -> Self:
        self._open: ClientConnection = self._connecting.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connecting.__exit__(kind, error, trace)
        self._socket.close()

    def look(self, page: str | None = None) -> str:
        """Run a page, by its title, and return all that it says."""
        if page is not None:
            self._page = self._pages[page]
        return self._run(BackMsg())

    def click(self, label: str) -> str:
        """Press a button that the last run drew, and return all that the page then says."""
        message = BackMsg()
        state = message.rerun_script.widget_states.widgets.add()
        state.id, state.trigger_value = self._buttons[label], True
        return self._run(message)

    def _run(self, message: BackMsg) -> str:
        message.rerun_script.page_script_hash = self._page
        self._open.send(message.SerializeToString())
        said = []
        for answer in self._answers():
            said.append(str(answer))
            self._note(answer)
        return "\n".join(said)

    def _answers(self) -> Iterator[ForwardMsg]:
        while True:
            answer = ForwardMsg.FromString(self._open.recv(SECONDS))
            yield answer
            if answer.WhichOneof("type") == "script_finished":
                return

    def _note(self, answer: ForwardMsg) -> None:
        for page in answer.navigation.app_pages:
            self._pages[page.page_name] = page.page_script_hash
        button = answer.delta.new_element.button
        if button.id:
            self._buttons[button.label] = button.id


def reach(address: str) -> socket.socket:
    """A connection to the server itself, whatever name is asked for on it."""
    return socket.create_connection(("127.0.0.1", urlsplit(address).port), SECONDS)


class Answer(NamedTuple):
    """Of a plain request; names of headers in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


def ask(address: str, path: str, headers: dict[str, str], *, method: str = "GET") -> Answer:
    """One request under any headers, Host among them."""
    given = {"Host": urlsplit(address).netloc, "Connection": "close", "Content-Length": "0"} | headers
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items())]
    with reach(address) as wire:
        wire.sendall("\r\n".join([*lines, "", ""]).encode())
        received = b"".join(iter(lambda: wire.recv(65536), b""))
    head, _, body = received.partition(b"\r\n\r\n")
    status, *rest = head.decode("latin-1").split("\r\n")
    named = (line.split(": ", 1) for line in rest)
    return Answer(int(status.split()[1]), {name.lower(): value for name, value in named}, body)
