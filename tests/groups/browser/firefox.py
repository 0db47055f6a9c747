"""Firefox as Debian has it, driven through Marionette, the protocol that it speaks itself."""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAMES: Final = ("firefox-esr", "firefox")
PREFERENCES: Final = {
    "marionette.port": 0,
    "app.update.disabledForTesting": True,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "data:,none",
    "toolkit.telemetry.reportingpolicy.firstRun": False,
}
"""Any free port, and nothing that Firefox would fetch or ask by itself."""

_SECONDS: Final = 60.0


def executable() -> str | None:
    """Return the path of Firefox; None if it is not installed."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class RefusedError(AssertionError):
    """Firefox has answered a command with an error."""


class Firefox:
    """A window of Firefox.

    Source:
        https://firefox-source-docs.mozilla.org/testing/marionette/Protocol.html
    """

    def __init__(self, port: int) -> None:
        """Connect, and begin a session."""
        self.connection = socket.create_connection(("127.0.0.1", port), timeout=_SECONDS)
        self.stream = self.connection.makefile("rb")
        self.count = 0
        assert self._received()["marionetteProtocol"] == 3
        self.ask("WebDriver:NewSession", strictFileInteractability=False)

    def ask(self, command: str, **parameters: Any) -> Any:  # noqa: ANN401 - plain data
        """Send a command, and return its answer."""
        self.count += 1
        text = json.dumps([0, self.count, command, parameters]).encode()
        self.connection.sendall(b"%d:%s" % (len(text), text))
        _, number, error, answer = self._received()
        assert number == self.count
        if error is not None:
            raise RefusedError(error)
        return answer

    def _received(self) -> Any:  # noqa: ANN401 - plain data
        digits = b""
        while (byte := self.stream.read(1)) != b":":
            assert byte, "Firefox has closed the connection"
            digits += byte
        return json.loads(self.stream.read(int(digits)))

    def close(self) -> None:
        """Close the connection."""
        self.stream.close()
        self.connection.close()

    def open(self, url: str) -> None:
        """Open an address, and wait until the page is loaded."""
        self.ask("WebDriver:Navigate", url=url)

    def run(self, script: str, *args: object) -> Any:  # noqa: ANN401 - plain data
        """Return what a script returns; it has `arguments`."""
        return self.ask("WebDriver:ExecuteScript", script=script, args=[*args])["value"]

    def wait_for(self, condition: str) -> None:
        """Wait until an expression is true."""
        end = time.monotonic() + _SECONDS
        while not self._holds(condition):
            assert time.monotonic() < end, condition
            time.sleep(0.05)

    def _holds(self, condition: str) -> bool:
        """Whether an expression is true; not while another page is being opened."""
        try:
            return bool(self.run(f"return Boolean({condition})"))
        except RefusedError:
            return False

    def picture(self, path: Path) -> None:
        """Save what the window shows."""
        answer = self.ask("WebDriver:TakeScreenshot", full=False)
        path.write_bytes(base64.b64decode(answer["value"]))


@contextmanager
def started(folder: Path, *, dark: bool = False, width: int = 1280) -> Iterator[Firefox]:
    """Start Firefox without a window on the screen, with a new profile, and end it.

    Args:
        folder: Where the profile goes.
        dark: Whether pages are asked to be dark.
        width: Width of the window, in pixels.
    """
    profile = folder / "profile"
    profile.mkdir()
    settings = PREFERENCES | {"layout.css.prefers-color-scheme.content-override": int(not dark)}
    lines = (f"user_pref({json.dumps(k)}, {json.dumps(x)});\n" for k, x in settings.items())
    (profile / "user.js").write_text("".join(lines), encoding="utf-8")
    command = [
        str(executable()), "--headless", "--marionette", "--no-remote", "--profile", str(profile),
        "--width", str(width), "--height", "900",
    ]  # fmt: skip
    with (folder / "firefox.log").open("wb") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, env={"HOME": str(folder)}, start_new_session=True
        )
    try:
        with closing(Firefox(_port(profile))) as window:
            yield window
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _port(profile: Path) -> int:
    """Wait until Firefox has written which port it listens on."""
    path = profile / "MarionetteActivePort"
    end = time.monotonic() + _SECONDS
    while not (path.exists() and path.read_text()):
        assert time.monotonic() < end, "Firefox did not start"
        time.sleep(0.05)
    return int(path.read_text())
