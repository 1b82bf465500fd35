"""Proves Tickwire's front door from outside; started by scripts/service-smoke.

    service_smoke.py [tls] [kill] [cut] [restart] [config]     all parts if none is named
"""

import asyncio
import json
import secrets
import shutil
import signal
import ssl
import sys
import tempfile
import threading
import time
from pathlib import Path

from websockets.asyncio.client import connect as dial
from websockets.exceptions import InvalidStatus

from service_support import (Bots, Onlooker, Proxy, Server, check, failures, fingerprint,
                             most_in_a_second, run, started, trusting, wait_for)


def headline(words):
    print(f"\n--- {words}", flush=True)


# --- TLS and tokens, and certificates that change under load


def tls(folder):
    headline("TLS and tokens, end to end")
    (live := folder / "live").mkdir()
    first, second = make_certificate(folder / "first"), make_certificate(folder / "second")
    install(first, live)
    both = folder / "both.pem"
    both.write_text((first / "dev-ca.pem").read_text() + (second / "dev-ca.pem").read_text())
    key = folder / "secret.key"
    key.write_text(secrets.token_urlsafe(48))
    tokens, alice = folder / "tokens", make_token(key, "--sub", "alice", "--name", "Alice").strip()
    tokens.write_text(make_token(key, "--sub", "bot", "--count", "100"))
    server = Server(folder, "tls-server", "--tls-cert", live / "dev-cert.pem",
                    "--tls-key", live / "dev-key.pem", "--auth", "jwt",
                    "--auth-keys", f"hs256:{key}")
    url = f"wss://localhost:{server.port}/ws"
    refusals(folder, server, url, first, second, tokens)
    asyncio.run(stranger(server, first, alice))
    reload(folder, server, url, both, second, tokens)
    check(server.end() == 0, "the server ends with exit code 0")


def make_certificate(folder):
    made = run("tickwire", "dev-cert", "--out", folder)
    check(made.returncode == 0, f"`tickwire dev-cert` makes {folder.name}/dev-cert.pem and dev-ca.pem")
    return folder


def make_token(key, *options):
    made = run("tickwire", "token", "--key", f"hs256:{key}", *options)
    if made.returncode:
        raise RuntimeError(made.stderr)
    return made.stdout


def install(source, live):
    for name in ("dev-cert.pem", "dev-key.pem"):
        shutil.copy(source / name, live / name)


def refusals(folder, server, url, first, second, tokens):
    """What is wrong is told in words, to bots and to their users."""
    ca, other = first / "dev-ca.pem", second / "dev-ca.pem"
    plain = url.replace("wss://", "ws://")
    for what, words, options in [
        ("another authority", "name the file with --ca", [url, "--ca", other, "--token-file", tokens]),
        ("no --ca at all", "--ca", [url, "--token-file", tokens]),
        ("no token", "token", [url, "--ca", ca]),
        ("ws:// to a port with TLS", "wss://", [plain, "--token-file", tokens]),
        ("a file that is no certificate", "no certificate in it", [url, "--ca", tokens]),
        ("one token for two bots", "--token-file", [url, "--ca", ca, "--token", "a.b.c"]),
    ]:
        done = run("tickwire-bots", "--players", 2, "--seconds", 1, "--url", *options)
        line = next((line.strip() for line in done.stderr.splitlines() if words in line), "")
        check(done.returncode != 0 and line, f"{what}: {line or done.stderr + done.stdout}")


async def stranger(server, first, token):
    """Python's websockets, which nobody here wrote."""
    host = f"localhost:{server.port}"
    ca = trusting(first / "dev-ca.pem")
    ca.set_alpn_protocols(["h2", "http/1.1"])

    def connect(context, *protocols):
        return dial(f"wss://{host}/ws?name=stranger", ssl=context, compression=None,
                    subprotocols=["tickwire.plain.v1", *protocols])

    async with connect(ca, f"bearer.{token}") as socket:
        welcome = await asyncio.wait_for(socket.recv(), 30)
        secure = socket.transport.get_extra_info("ssl_object")
        check(b"Alice" in welcome, "Python's websockets is welcomed by the name in its token")
        chosen = secure.selected_alpn_protocol()
        check(chosen == "http/1.1", f"over {secure.version()}, with {chosen} by ALPN")
    try:
        async with connect(ssl.create_default_context(), f"bearer.{token}"):
            check(False, "Python without the authority was let in")
    except ssl.SSLCertVerificationError as error:
        check(True, f"Python without the authority: {error.verify_message}")
    try:
        async with connect(ca):
            check(False, "Python without a token was let in")
    except InvalidStatus as error:
        body = json.loads(error.response.body)
        check(error.response.status_code == 401, f"Python without a token: 401, {body['message']}")


def reload(folder, server, url, both, second, tokens):
    headline("certificates reloaded under 100 bots")
    bots = Bots(folder, "tls-bots", url, 100, "--ca", both, "--token-file", tokens)
    seconds = wait_for("100 bots play", lambda: server.metric("players") == 100)
    check(True, f"100 bots with tokens of their own play over TLS after {seconds:.1f} s")
    time.sleep(2)
    before = fingerprint(server.port)
    install(second, folder / "live")
    server.tell(signal.SIGHUP)
    seconds = wait_for("the new certificate", lambda: fingerprint(server.port) != before)
    after = fingerprint(server.port)
    check(True, f"new connections see the new certificate after {seconds:.1f} s: {before} -> {after}")
    (folder / "live/dev-cert.pem").write_text("no certificate")
    server.tell(signal.SIGHUP)
    wait_for("the refused reload", lambda: "not reloaded" in server.log())
    check(fingerprint(server.port) == after, "a broken certificate changes nothing, and the log says why")
    late = run("tickwire-bots", "--url", url, "--players", 1, "--seconds", 1, "--token", "x",
               "--ca", second / "dev-ca.pem")
    check("token" in late.stderr, "a newcomer who knows only the new authority gets as far as the token")
    time.sleep(2)
    check(server.metric("sessions_lost_total") == 0, "the server lost no session")
    report = bots.report()
    figures = (report["joined"], report["disconnects"], report["desyncs"])
    check(figures == (100, 0, 0), "joined, disconnects, desyncs of the bots: %d, %d, %d" % figures)
    rates = report["ticks_per_second"]
    check(True, f"ticks per second meanwhile: mean {rates['mean']}, slowest {rates['min']}")


# --- clients that die and clients that freeze

GRACE, HEARTBEAT = 2, 5


def kill(folder):
    headline("kill -9 of 100 of 200 bots")
    server = Server(folder, "kill-server", "--resume-grace", GRACE, "--heartbeat-interval", 2,
                    "--heartbeat-timeout", HEARTBEAT)
    url = f"ws://127.0.0.1:{server.port}/ws"
    onlookers = [Onlooker(url, f"eye{number}") for number in range(5)]
    doomed, others = Bots(folder, "doomed", url, 100), Bots(folder, "others", url, 100)
    everybody(server, onlookers, 205)
    gone(server, onlookers, doomed, "doomed", signal.SIGKILL, GRACE)
    check(server.metric("heartbeat_closes_total") == 0, "no heartbeat was needed: the kernel closed")

    headline(f"100 bots frozen (SIGSTOP): half-open, heartbeat deadline {HEARTBEAT} s")
    frozen = Bots(folder, "frozen", url, 100)
    everybody(server, onlookers, 205)
    gone(server, onlookers, frozen, "frozen", signal.SIGSTOP, HEARTBEAT + GRACE)
    closes = server.metric("heartbeat_closes_total")
    check(closes == 100, f"sessions ended by the heartbeat deadline: {closes}")
    frozen.end(signal.SIGKILL)

    report = others.report()
    figures = (report["joined"], report["disconnects"], report["desyncs"])
    check(figures == (100, 0, 0), "joined, disconnects, desyncs of the other 100: %d, %d, %d" % figures)
    for onlooker in onlookers:
        onlooker.close()
    wait_for("everybody left", lambda: server.metric("players") == 0)
    check(server.end() == 0, "the server ends with exit code 0")


def everybody(server, onlookers, count):
    wait_for(f"{count} players", lambda: server.metric("players") == count)
    wait_for("the rosters", lambda: all(len(each.roster) == count for each in onlookers))
    check(True, f"{count} players, and each of {len(onlookers)} onlookers knows all")


def gone(server, onlookers, bots, prefix, number, due):
    """Sends a signal to 100 bots and waits until the others have seen them leave."""
    began = time.monotonic()
    bots.tell(number)
    wait_for("the players are removed", lambda: server.metric("players") == 105)
    seconds = time.monotonic() - began
    check(seconds < due + 10, f"the server removed 100 after {seconds:.1f} s (due after {due} s)")
    wait_for("the onlookers", lambda: all(len(each.gone(prefix)) == 100 for each in onlookers))
    times = [moment - began for each in onlookers
             for name, moment in each.left.items() if name.startswith(prefix)]
    check(min(times) > GRACE * 0.9, f"onlookers saw each of them leave, {min(times):.1f} to "
          f"{max(times):.1f} s after the signal, none before the grace period of {GRACE} s")
    strangers = {name for each in onlookers for name in each.left} - {
        name for each in onlookers for name in each.left if name.startswith(("doomed", "frozen"))}
    check(not strangers, "and nobody else")


# --- a line that is cut


def cut(folder):
    headline("200 connections cut at once")
    server = Server(folder, "cut-server")
    proxy = Proxy(folder, "proxy-before", server.port)
    url = f"ws://127.0.0.1:{proxy.port}/ws"
    bots = Bots(folder, "cut", url, 200, "--brain", "wander")
    wait_for("200 bots play", lambda: server.metric("players") == 200)
    time.sleep(8)
    proxy.end(signal.SIGKILL)
    seconds = wait_for("the loss", lambda: server.metric("sessions_lost_total") == 200)
    before = server.players()
    check(len(before) == 200, f"after {seconds:.1f} s the server awaits all {len(before)} players")
    time.sleep(1)  # long enough for first attempts to fail
    again = Proxy(folder, "proxy-after", server.port, port=proxy.port)
    seconds = wait_for("200 resume", lambda: server.metric("sessions_resumed_total") == 200)
    check(True, f"200 sessions resumed, the last one {seconds:.1f} s after the line was back")
    same_players(server, before)
    refused = [server.metric(f"{name}_total") for name in
               ("tickets_refused", "handshakes_refused", "connections_refused")]
    check(refused == [0, 0, 0], f"refused tickets, handshakes, connections: {refused}")
    time.sleep(2)
    check(server.metric("players") == 200, "two seconds later there are 200 players")
    resumed(bots.report())
    again.end()
    check(server.end() == 0, "the server ends with exit code 0")


def same_players(server, before):
    after = server.players()
    check(after.keys() == before.keys(), f"the same {len(after)} ids, and no other avatar")
    names = {player["name"] for player in after.values()}
    check(len(names) == len(after), "no name twice")
    poorer = [each for each, player in after.items() if player["score"] < before[each]["score"]]
    total = sum(player["score"] for player in before.values())
    check(total > 0 and not poorer, f"nobody lost any of the {total} points scored before")


def resumed(report):
    seen = report.get("resumed") or {}
    figures = (seen.get("sessions"), seen.get("with_score_and_place"), seen.get("anew"))
    check(figures == (200, 200, 0), "by the bots' own account resumed, with score and place, anew: "
          "%s, %s, %s" % figures)
    check(report["desyncs"] == 0, f"desyncs: {report['desyncs']}")
    away = seen.get("away_ms", {})
    check(True, f"away, ms: p50 {away.get('p50')}, p99 {away.get('p99')}, max {away.get('max')}")


# --- a restart

JOIN_RATE = 150
BACK_SECONDS = 10


def restart(folder):
    headline("a restart under 200 bots")
    options = ["--state-dir", folder / "state", "--retry-spread", 3, "--join-rate", JOIN_RATE,
               "--join-burst", JOIN_RATE]
    first = Server(folder, "restart-first", *options)
    bots = Bots(folder, "restart", f"ws://127.0.0.1:{first.port}/ws", 200, "--brain", "wander",
                "--join-rate", 100)
    wait_for("200 bots play", lambda: first.metric("players") == 200)
    time.sleep(8)
    before = first.players()
    began = time.monotonic()
    check(first.end() == 0, f"SIGTERM: exit code 0 after {time.monotonic() - began:.1f} s")
    second = Server(folder, "restart-second", *options, port=first.port)
    samples = Samples(second, "tickwire_connections_accepted_total")
    seconds = wait_for("200 resume", lambda: second.metric("sessions_resumed_total") == 200)
    total = time.monotonic() - began
    check(seconds < BACK_SECONDS, f"all 200 back {seconds:.1f} s after the second server was up, "
          f"{total:.1f} s after SIGTERM")
    taken = samples.end()
    most = most_in_a_second(taken)
    check(taken[-1][1] >= 200 and most < JOIN_RATE, f"connection attempts in the busiest second: {most:.0f}, below the "
          f"accept rate of {JOIN_RATE}")
    refused = [second.metric(f"{name}_total") for name in ("tickets_refused", "handshakes_refused")]
    check(refused == [0, 0], f"refused tickets, handshakes: {refused}")
    same_players(second, before)
    resumed(bots.report())
    check(second.end() == 0, "the second server ends with exit code 0")


class Samples:
    """A counter, ten times a second."""

    def __init__(self, server, name):
        # What came before the first look counts, too.
        self.taken, self.is_over = [(time.monotonic(), 0)], False
        self.server, self.name = server, name
        self.thread = threading.Thread(target=self.sample, daemon=True)
        self.thread.start()

    def sample(self):
        while not self.is_over:
            self.take()
            time.sleep(0.1)

    def take(self):
        self.taken.append((time.monotonic(), self.server.metrics()[self.name]))

    def end(self):
        self.is_over = True
        self.thread.join()
        self.take()
        return self.taken


# --- configurations

# A broken file, and what its error must name: the key and the rule.
BROKEN = [
    ("tick-rate = 200", "`tick-rate`", "10..=128"),
    ('tick-rate = "fast"', "`tick-rate`", "invalid digit"),
    ("tick_rate = 30", "`tick_rate`", "unknown key"),
    ('listen = "here"', "`listen`", "invalid socket address"),
    ('allowed-origins = ["example.org"]', "`allowed-origins`", "is not an origin"),
    ('auth = "password"', "`auth`", "possible values: none, jwt"),
    ('auth = "jwt"', "--auth", "needs --auth-keys"),
    ('tls-cert = "cert.pem"', "--tls-cert", "belong together"),
    ('trusted-proxies = ["10.0.0.0/40"]', "`trusted-proxies`", "invalid"),
    ("heartbeat-timeout = 1", "--heartbeat-timeout", "must exceed --heartbeat-interval"),
]


def config(folder):
    headline("`tickwire check-config` on ten broken files")
    for number, (text, key, rule) in enumerate(BROKEN, 1):
        file = folder / f"broken-{number}.toml"
        file.write_text(text + "\n")
        done = run("tickwire", "check-config", file)
        said = done.stderr.strip().replace(str(folder) + "/", "")
        check(done.returncode != 0 and key in said and rule in said, said)
    file.write_text(run("tickwire", "default-config").stdout)
    check(run("tickwire", "check-config", file).returncode == 0, "`tickwire default-config` is in order")


PARTS = {"tls": tls, "kill": kill, "cut": cut, "restart": restart, "config": config}


def main():
    wanted = sys.argv[1:] or list(PARTS)
    if any(name not in PARTS for name in wanted):
        sys.exit(f"usage: scripts/service-smoke [--built] [{'|'.join(PARTS)}]…")
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="service-smoke-") as temporary:
        try:
            for name in wanted:
                (folder := Path(temporary) / name).mkdir()
                PARTS[name](folder)
        except Exception as error:  # a wait that took too long, a program that is missing
            check(None, f"the script went through: {error!r}")
        finally:
            for program in reversed(started):
                if program.process.poll() is None:
                    program.process.kill()
                    program.process.wait()
        if failures:
            for log in sorted(Path(temporary).glob("*/*.log")):
                print(f"\n--- {log.name} (its end)\n{log.read_text(errors='replace')[-1500:]}")
    verdict = f"{len(failures)} failed" if failures else "all holds"
    print(f"\nservice-smoke: {verdict} ({time.monotonic() - began:.0f} s)")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
