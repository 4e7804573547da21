# SPDX-License-Identifier: Apache-2.0
"""Run a command beside a Neo4j server of its own: python tools/neo4j_server.py [--require] COMMAND ...

The command finds the server's address in NEURAXIS_TEST_NEO4J. If that names one already, it is used. Otherwise one is
started on a free loopback port, without log-in, over a folder that goes with it: NEURAXIS_NEO4J_HOME, or
../shared/neo4j beside the checkout, whose lib/ holds the jars of Neo4j Community 5.26 or later. It needs Java 17.
Without any server the command runs as it is, and its tests say why they are skipped; with --require it is an error.
Rules of the file: standard library only; what it started it stops, whatever becomes of the command.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

VARIABLE = "NEURAXIS_TEST_NEO4J"
REQUIRED = "NEURAXIS_REQUIRE_NEO4J"
HOME = "NEURAXIS_NEO4J_HOME"
START_S, STOP_S = 180, 60
_OPENED = ("java.base/java.nio", "java.base/java.io", "java.base/sun.nio.ch")


def main(arguments: list[str]) -> int:
    """Exit status of the command; 2 if a required server cannot be had."""
    required = arguments[:1] == ["--require"]
    command = arguments[1:] if required else arguments
    if not command:
        print(__doc__, file=sys.stderr)
        return 2
    environment = dict(os.environ, **({REQUIRED: "1"} if required else {}))
    if environment.get(VARIABLE):
        return subprocess.call(command, env=environment)
    if why := missing():
        print(f"neo4j_server: {why}; {VARIABLE} names no server either", file=sys.stderr)
        return 2 if required else subprocess.call(command, env=environment)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="neuraxis-neo4j-") as folder, running(home(), Path(folder)) as server:
        return subprocess.call(command, env={**environment, VARIABLE: server.url})


def home() -> Path:
    """Where the server's jars would be."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "neo4j"
    return Path(os.environ.get(HOME) or beside)


@dataclass(frozen=True)
class Server:
    """One that runs.

    Attributes:
        process: What may be killed; a server over the same folder and port finds all that it acknowledged.
    """

    port: int
    process: subprocess.Popen[str]

    @property
    def url(self) -> str:
        """Its address, without log-in."""
        return f"bolt://127.0.0.1:{self.port}"


@contextmanager
def running(jars: Path, folder: Path, port: int = 0) -> Iterator[Server]:
    """A server over a folder, from its first answer until it has stopped.

    Args:
        port: On loopback; 0 = a free one.

    Raises:
        RuntimeError: it ended, or was not ready in time; the message holds what it said last.
    """
    port = port or _free_port()
    (folder / "conf").mkdir(exist_ok=True)
    (folder / "conf" / "neo4j.conf").write_text(_configuration(port), encoding="utf-8")
    server = subprocess.Popen(
        _java(jars, folder), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    )
    try:
        _wait(server)
        yield Server(port, server)
    finally:
        server.terminate()
        try:
            server.wait(STOP_S)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def missing() -> str:
    """Why no server can be started here; "" if one can."""
    if not list(home().glob("lib/neo4j*.jar")):
        return f"{home()} holds no lib/neo4j*.jar ({HOME} names another folder)"
    return "" if shutil.which("java") else "there is no java"


def _java(jars: Path, folder: Path) -> list[str]:
    opens = [f"--add-opens={package}=ALL-UNNAMED" for package in _OPENED]
    entry = ["-cp", f"{jars}/lib/*", "org.neo4j.server.CommunityEntryPoint"]
    folders = [f"--home-dir={folder}", f"--config-dir={folder}/conf", "--console-mode"]
    return ["java", "-Xms512m", "-Xmx512m", *opens, *entry, *folders]


def _configuration(port: int) -> str:
    settings = {
        "server.default_listen_address": "127.0.0.1",
        "server.bolt.listen_address": f"127.0.0.1:{port}",
        "server.bolt.advertised_address": f"127.0.0.1:{port}",
        "server.http.enabled": "false",
        "dbms.security.auth_enabled": "false",
        "dbms.usage_report.enabled": "false",
        "server.memory.heap.initial_size": "512m",
        "server.memory.heap.max_size": "512m",
        "server.memory.pagecache.size": "256m",
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def _wait(server: subprocess.Popen[str]) -> None:
    """Read on until it says that it has started; what comes later is read too, and dropped."""
    said: list[str] = []
    ready = threading.Event()

    def read() -> None:
        assert server.stdout is not None
        with server.stdout:
            for line in server.stdout:
                said.append(line)
                del said[:-20]
                if "Started." in line:
                    ready.set()
        ready.set()

    threading.Thread(target=read, daemon=True).start()
    if not ready.wait(START_S) or server.poll() is not None or not any("Started." in line for line in said):
        raise RuntimeError(f"neo4j_server: it did not start:\n{''.join(said)}")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
