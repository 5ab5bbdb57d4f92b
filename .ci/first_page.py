"""Time from `streamlit run` to the first page in Chromium, against an empty Streamlit page in the same minutes.

    python .ci/first_page.py [REPEATS] [--json]

Each repeat starts a new server and a new browser profile, ours and the empty one in turn. A page is there once it is
drawn and its script has come to rest.
"""

import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).parents[1]
OURS = (str(ROOT / "app.py"), "Drop a dermoscopic image here")
EMPTY = "import streamlit as st\n\nst.title('Nothing here')\n"
SECONDS = 120
READY = """text => {
  const app = document.querySelector("[data-test-script-state]");
  return app && app.dataset.testScriptState === "notRunning" && document.body.innerText.includes(text);
}"""


def first_page(repeats: int = 5) -> dict[str, float]:
    """Return medians in milliseconds of both, and their ratio."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        empty = Path(folder) / "empty.py"
        empty.write_text(EMPTY, "utf-8")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        times: dict[str, list[float]] = {"ours": [], "empty": []}
        for _ in range(repeats):
            times["ours"].append(_seconds(browser, OURS, Path(folder)))
            times["empty"].append(_seconds(browser, (str(empty), "Nothing here"), Path(folder)))
        browser.close()
    ours, nothing = (1000 * statistics.median(times[name]) for name in ("ours", "empty"))
    return {"milliseconds": round(ours), "empty_milliseconds": round(nothing), "ratio": round(ours / nothing, 2)}


def _seconds(browser: Browser, page_of: Sequence[str], folder: Path) -> float:
    script, text = page_of
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", script, "--server.headless", "true", "--server.port"]
    environment = os.environ | {"SKINLENS_HOME": str(folder / "home")}
    quiet = subprocess.DEVNULL
    began = time.perf_counter()
    with subprocess.Popen([*command, str(port)], cwd=ROOT, env=environment, stdout=quiet, stderr=quiet) as server:
        try:
            _wait_for(f"http://localhost:{port}/_stcore/health")
            context = browser.new_context(viewport={"width": 1280, "height": 800})
            page = context.new_page()
            page.goto(f"http://localhost:{port}", wait_until="commit")
            page.wait_for_function(READY, arg=text, timeout=1000 * SECONDS)
            took = time.perf_counter() - began
            context.close()
        finally:
            server.terminate()
    return took


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - our own server on localhost
                return
        except OSError:
            time.sleep(0.02)
    raise TimeoutError(f"nothing answers at {url}")


if __name__ == "__main__":
    words = sys.argv[1:]
    measured = first_page(int(next((word for word in words if word.isdecimal()), 5)))
    row = {"work": "first_page", "engine": "streamlit", **measured}
    sys.stdout.write(
        json.dumps(row) + "\n"
        if "--json" in words
        else "first page {milliseconds} ms, an empty Streamlit page {empty_milliseconds} ms, ratio {ratio}\n".format(
            **row
        )
    )
