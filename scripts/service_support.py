"""Servers, bots, proxies and onlookers for scripts/service_smoke.py, and how they are checked."""

import hashlib
import json
import os
import re
import signal
import ssl
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

from websockets.sync.client import connect

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "docs/examples"))
import square  # noqa: E402  the documented reader of the protocol

# Generous: only what fails waits for so long.
PATIENCE = 90
PAUSE, LEAVE = b"\x03", b"\x06"  # client messages

started = []
failures = []


def check(holds, what):
    print(f"{'ok    ' if holds else 'FAILED'}  {what}", flush=True)
    if not holds:
        failures.append(what)
    return bool(holds)


def wait_for(what, condition, patience=PATIENCE):
    """Polls until the condition holds; returns the seconds that it took."""
    began = time.monotonic()
    while time.monotonic() < began + patience:
        if condition():
            return time.monotonic() - began
        time.sleep(0.05)
    raise TimeoutError(f"{what}: not within {patience} s")


def binary(name):
    return Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release" / name


def run(name, *arguments, patience=PATIENCE):
    """Runs a program to its end."""
    command = [binary(name), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=patience, env=plain_env())


def plain_env():
    """Without settings of whoever runs this."""
    return {key: value for key, value in os.environ.items() if not key.startswith("TICKWIRE_")}


class Program:
    """A process with its output in files, ended with this script at the latest."""

    def __init__(self, folder, label, name, *arguments):
        self.out, self.err = folder / f"{label}.out", folder / f"{label}.log"
        with open(self.out, "wb") as out, open(self.err, "wb") as err:
            command = [binary(name), *map(str, arguments)]
            self.process = subprocess.Popen(command, stdout=out, stderr=err, env=plain_env())
        started.append(self)

    def tell(self, number):
        self.process.send_signal(number)

    def end(self, number=signal.SIGTERM):
        """Signals and waits; the exit code."""
        if self.process.poll() is None:
            self.tell(number)
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def log(self):
        return self.err.read_text(errors="replace")


class Server(Program):
    def __init__(self, folder, label, *options, port=0):
        port_file = folder / f"{label}.port"
        port_file.unlink(missing_ok=True)
        super().__init__(folder, label, "tickwire", "--listen", f"127.0.0.1:{port}",
                         "--port-file", port_file, "--admin-listen", "127.0.0.1:0", *options)
        wait_for(f"{label} listens", lambda: self.is_ready(port_file))
        self.port = int(port_file.read_text())
        self.admin = re.search(r"admin listener.*?127\.0\.0\.1:(\d+)", self.log()).group(1)

    def is_ready(self, port_file):
        if self.process.poll() is not None:
            raise RuntimeError(f"the server ended:\n{self.log()}")
        return port_file.exists() and port_file.read_text().strip() and "admin listener" in self.log()

    def get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin}{path}", timeout=30) as answer:
            return answer.read().decode()

    def metrics(self):
        lines = (line.rsplit(" ", 1) for line in self.get("/metrics").splitlines()
                 if line and not line.startswith("#"))
        return {name: float(value) for name, value in lines}

    def metric(self, name):
        return int(self.metrics().get(f"tickwire_{name}", 0))

    def players(self):
        """Everybody, in the room or awaited: id to name and score."""
        rooms = json.loads(self.get("/admin/state"))["rooms"]
        return {player["id"]: player for room in rooms for player in room["players"]}


class Bots(Program):
    def __init__(self, folder, label, url, count, *options):
        super().__init__(folder, label, "tickwire-bots", "--url", url, "--players", count,
                         "--name-prefix", f"{label}-", "--seconds", 0, "--report", "json", *options)
        self.count = count

    def report(self):
        """Ends the bots and returns what they saw."""
        self.end()
        return json.loads(self.out.read_text())


class Proxy(Program):
    def __init__(self, folder, label, to, port=0):
        port_file = folder / f"{label}.port"
        super().__init__(folder, label, "tickwire-bots", "proxy", "--listen", f"127.0.0.1:{port}",
                         "--to", f"127.0.0.1:{to}", "--port-file", port_file)
        wait_for(f"{label} listens", lambda: port_file.exists() and port_file.read_text().strip())
        self.port = int(port_file.read_text())


class Onlooker:
    """A player in Python who asks for no ticks and remembers who comes and goes."""

    def __init__(self, url, name):
        self.roster, self.left, self.error = {}, {}, None
        self.socket = connect(f"{url}?name={name}", subprotocols=["tickwire.plain.v1"],
                              compression=None, max_size=None)
        self.socket.send(PAUSE)
        threading.Thread(target=self.look, daemon=True).start()

    def look(self):
        try:
            for packet in self.socket:
                self.read(square.Reader(packet))
        except Exception as error:  # told by the check that misses this onlooker's figures
            self.error = error

    def read(self, reader):
        while reader.at < len(reader.data):
            if reader.unpack("B")[0] != 1:
                square.plain_tick(reader)
                continue
            kind, parse = square.CONTROL[reader.integer()]
            value = parse(reader)
            if kind == "roster":
                joined, left = value
                self.roster.update(joined)
                now = time.monotonic()
                self.left.update({self.roster.pop(player, "?"): now for player in left})

    def gone(self, prefix):
        """Names that begin so and have left."""
        return [name for name in self.left if name.startswith(prefix)]

    def close(self):
        self.socket.send(LEAVE)
        self.socket.close()


def trusting(authority):
    """What a Python program needs in order to believe a private authority."""
    context = ssl.create_default_context(cafile=authority)
    # The default from Python 3.13 on.
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    return context


def fingerprint(port):
    """SHA-256 of the certificate that a new connection is shown, whoever signed it."""
    pem = ssl.get_server_certificate(("127.0.0.1", port), timeout=30)
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()[:16]


def most_in_a_second(samples):
    """The steepest second of a counter that was sampled as (time, value)."""
    most = 0
    for index, (since, before) in enumerate(samples):
        within = [value for time_, value in samples[index:] if time_ <= since + 1.0]
        most = max(most, within[-1] - before)
    return most
