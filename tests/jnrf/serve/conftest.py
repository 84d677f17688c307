"""A small trained model, its service here or as a program, and a browser to look at it."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import re
import select
import shutil
import subprocess
import sys
import threading
import time
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
from tiny_corpus import write_corpus
from tiny_model import train_tiny_model

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
# Started so that each end of its pipe has the number that Chromium expects.
_START = (
    "import os, sys; r, w = int(sys.argv[1]), int(sys.argv[2]); "
    "os.dup2(r, 3); os.dup2(w, 4); os.execv(sys.argv[3], sys.argv[3:])"
)
_PATIENCE = 60  # seconds until a server or a browser that says nothing counts as broken


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory) -> Path:
    """A model that finds mentions and relations in notes like its corpus'."""
    return train_tiny_model(tmp_path_factory.mktemp("served"))


@pytest.fixture(scope="session")
def model(model_folder):
    """The same, loaded."""
    from jnrf_ext import JNRF

    return JNRF.from_pretrained(model_folder)


@pytest.fixture(scope="session")
def notes(tmp_path_factory) -> list[str]:
    """Twenty different notes, of one to five sentences."""
    folder = tmp_path_factory.mktemp("notes")
    texts = []
    for number in range(20):
        written = write_corpus(folder / str(number), 1, 1 + number % 5, seed=number)
        texts.append((written / "note0.txt").read_text(encoding="utf-8") + f"Note {number}.\n")
    return texts


class Service:
    """A service in this process, as ``await service.post("/extract", json=...)`` finds it."""

    def __init__(self, app, client):
        self.app = app
        self.client = client
        self.batcher = app.state.batcher
        self.get, self.post = client.get, client.post

    async def metric(self, line: str) -> float:
        """The value in a line of /metrics, whose name and labels are given."""
        text = (await self.get("/metrics")).text
        found = re.search(rf"^{re.escape(line)} (\S+)$", text, re.M)
        return float(found[1]) if found else 0.0

    async def until_waiting(self, count: int) -> None:
        """Wait until so many notes are in the queue."""
        while self.batcher.waiting != count:
            await asyncio.sleep(0.001)


@pytest.fixture
def serve(model):
    """``serve(test, **limits)`` runs an async function of a :class:`Service`."""
    import httpx

    from jnrf.prediction.predictor import Predictor
    from jnrf.serve.app import create_app
    from jnrf.serve.guard import Hosts
    from jnrf.serve.limits import Limits
    from jnrf.serve.server import describe_model

    @asynccontextmanager
    async def running(limits):
        about = describe_model(Predictor(model), "runs/tiny/best", limits)
        app = create_app(Predictor(model), about, limits, Hosts("127.0.0.1"))
        transport = httpx.ASGITransport(app=app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client,
        ):
            yield Service(app, client)

    def run(test, **limits):
        async def started():
            async with running(Limits(**limits)) as service:
                return await asyncio.wait_for(test(service), _PATIENCE)

        return asyncio.run(started())

    return run


class Gate:
    """Stands before the model: keeps passes waiting while it is shut, and notes their sizes."""

    def __init__(self, extract):
        self.extract = extract
        self.open = threading.Event()
        self.open.set()
        self.begun = threading.Semaphore(0)
        self.batches: list[list[str]] = []

    def __call__(self, predictor, texts, *rest):
        self.batches.append(texts)
        self.begun.release()
        assert self.open.wait(_PATIENCE)
        return self.extract(predictor, texts, *rest)

    async def until_begun(self) -> None:
        """Wait for the next pass to begin."""
        assert await asyncio.to_thread(self.begun.acquire, timeout=_PATIENCE)


@pytest.fixture
def gate(monkeypatch):
    """The gate of services that are started later; open."""
    from jnrf.prediction.predictor import Predictor

    gate = Gate(Predictor.extract)
    monkeypatch.setattr(Predictor, "extract", lambda *args: gate(*args))
    yield gate
    gate.open.set()


class Program:
    """``jnrf serve`` as a process."""

    def __init__(self, process, log: Path):
        self.process = process
        self.log = log
        first = process.stdout.readline()
        found = re.search(r"http://(\S+):(\d+)", first)
        assert found, (first, log.read_text())
        self.host, self.port = found[1], int(found[2])
        self.url = f"http://127.0.0.1:{self.port}"


@pytest.fixture
def program(model_folder, tmp_path):
    """``program(*options, model=...)`` starts ``jnrf serve`` on a free port; stopped at the end."""
    started = []

    def start(*options: str, model: Path = model_folder) -> Program:
        log = tmp_path / f"serve{len(started)}.log"
        command = [sys.executable, "-m", "jnrf", "serve", str(model), "--port", "0", *options]
        with log.open("w") as errors:
            process = subprocess.Popen(
                [*command, "--threads", "1", "--device", "cpu"],
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        started.append(process)
        return Program(process, log)

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


class Browser:
    """A page in headless Chromium, driven over its debugging pipe."""

    def __init__(self, out: int, into: int, process):
        self.out, self.into, self.process = out, into, process
        self.buffer = b""
        self.count = 0
        self.events: list[dict] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self.session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    session: str | None = None

    def call(self, method: str, **params):
        """One command of the DevTools protocol; events that come meanwhile are kept."""
        self.count += 1
        message = {"id": self.count, "method": method, "params": params}
        if self.session and not method.startswith(("Target.", "Browser.")):
            message["sessionId"] = self.session
        os.write(self.out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self.count:
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]
            self.events.append(answer)

    def _read(self) -> dict:
        while b"\0" not in self.buffer:
            ready, _, _ = select.select([self.into], [], [], _PATIENCE)
            assert ready, "the browser says nothing"
            read = os.read(self.into, 1 << 16)
            if not read:
                pytest.skip("the browser does not run here")
            self.buffer += read
        message, _, self.buffer = self.buffer.partition(b"\0")
        return json.loads(message)

    def open(self, url: str) -> None:
        """Go to a page and wait until it has loaded."""
        self.call("Page.navigate", url=url)
        self.until(f"location.href === {json.dumps(url)} && document.readyState === 'complete'")

    def value(self, expression: str):
        """What an expression is in the page."""
        result = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def until(self, expression: str) -> None:
        """Wait until an expression is true in the page."""
        end = time.monotonic() + _PATIENCE
        while not self.value(expression):
            assert time.monotonic() < end, f"never true: {expression}"
            time.sleep(0.02)

    def type(self, text: str) -> None:
        """Put text where the cursor is, as pasting does."""
        self.call("Input.insertText", text=text)

    def paste(self, text: str) -> None:
        """Copy a text, and paste it where the cursor is."""
        permissions = ["clipboardReadWrite", "clipboardSanitizedWrite"]
        self.call("Browser.grantPermissions", permissions=permissions)
        self.value(f"navigator.clipboard.writeText({json.dumps(text)})")
        self.command("v", 86, "paste")

    def command(self, key: str, code: int, command: str) -> None:
        """Press Ctrl and a key that a text area has a command for."""
        same = {"key": key, "windowsVirtualKeyCode": code, "modifiers": 2}
        self.call("Input.dispatchKeyEvent", type="rawKeyDown", commands=[command], **same)
        self.call("Input.dispatchKeyEvent", type="keyUp", **same)

    def press(self, key: str, code: int, modifiers: int = 0) -> None:
        """Press a key; ``modifiers`` 2 is Ctrl, 8 Shift."""
        text = {"text": "\r"} if key == "Enter" else {}
        same = {"key": key, "windowsVirtualKeyCode": code, "modifiers": modifiers}
        self.call("Input.dispatchKeyEvent", type="keyDown", **same, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", **same)

    def click(self, selector: str) -> None:
        """Click on the middle of an element."""
        chosen = json.dumps(selector)
        place = self.value(
            f"(() => {{ const e = document.querySelector({chosen}); "
            "e.scrollIntoView({ behavior: 'instant', block: 'center' }); "
            "const r = e.getBoundingClientRect(); "
            "return [r.x + r.width / 2, r.y + r.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.call(
                "Input.dispatchMouseEvent",
                **{"type": kind, "x": place[0], "y": place[1], "button": "left", "clickCount": 1},
            )

    def said(self) -> list[str]:
        """Errors and warnings: of scripts, of the security policy, of the network."""
        self.value("1")  # what happened before has been told by now
        found = []
        for event in self.events:
            params = event.get("params", {})
            if event["method"] == "Log.entryAdded":
                found.append(params["entry"]["text"])
            if event["method"] in ("Runtime.exceptionThrown", "Runtime.consoleAPICalled"):
                found.append(json.dumps(params)[:500])
            if event["method"] == "Page.javascriptDialogOpening":
                found.append(params["message"])
        return found

    def asked(self) -> set[str]:
        """Addresses that were loaded from."""
        self.value("1")
        return {
            event["params"]["request"]["url"]
            for event in self.events
            if event["method"] == "Network.requestWillBeSent"
        }


@contextmanager
def _chromium(profile: Path):
    ours_in, theirs_out = os.pipe()
    theirs_in, ours_out = os.pipe()
    # Above the numbers that they are to have, so that neither is overwritten by the other.
    high = [fcntl.fcntl(fd, fcntl.F_DUPFD, 10) for fd in (theirs_in, theirs_out)]
    options = (
        "--headless",
        "--remote-debugging-pipe",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--window-size=1200,1000",
        f"--user-data-dir={profile}",
    )
    process = subprocess.Popen(
        [sys.executable, "-c", _START, *map(str, high), BROWSER, *options],
        pass_fds=high,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    for fd in (theirs_in, theirs_out, *high):
        os.close(fd)
    try:
        yield Browser(ours_out, ours_in, process)
    finally:
        process.kill()
        process.wait()
        os.close(ours_in)
        os.close(ours_out)


@pytest.fixture
def browser(tmp_path):
    """A browser of its own; skips where there is none."""
    if BROWSER is None:
        pytest.skip("no chromium on the PATH to open the page")
    with _chromium(tmp_path / "profile") as browser:
        yield browser
