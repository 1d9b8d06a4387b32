"""Messages through Postfix alone, with a milter that does nothing, with readdress-milter that has nothing to do and
that has, and with Postfix's own canonical maps, in turn: messages a second, and processor time of all processes a message.

    python run.py FOLDER READDRESS MILTER NOOP CORPUS [MESSAGES]

CORPUS is what `generate` writes: messages of people whose addresses all have entries. Every way gets the same
messages, in rounds that take turns, so that what else the machine does falls on all of them. JSON goes to standard
output, a table to standard error.
"""

import csv
import json
import socket
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from measured import HOST, Measured, ended  # noqa: E402

ROUNDS, SESSIONS = 5, 4
PLAN = """\
[plan]
name = "bench"
[[rewrite.entries]]
file = "{entries}"
[[listener]]
name = "ours"
client-ip = ["127.0.0.0/8"]
trusted = true
"""
CANONICAL = """\
sender_canonical_maps = hash:{folder}/canonical
canonical_maps = hash:{folder}/canonical
local_header_rewrite_clients = permit_mynetworks
"""
# `unmapped`: readdress-milter with a map that has nobody of these messages.
WAYS = ("alone", "noop", "unmapped", "readdress", "canonical")


def main(folder, readdress, milter, noop, corpus, count=10_000):
    folder, corpus, count = Path(folder), Path(corpus), int(count)
    messages = [path.read_bytes() for path in sorted((corpus / "office").glob("*.eml"))]
    with open(corpus / "entries.csv", newline="") as file:
        people = [(row["InternalAddress"], row["ExternalAddress"]) for row in csv.DictReader(file)]
    (folder / "plan.toml").write_text(PLAN.format(entries=(corpus / "entries.csv").resolve()))
    subprocess.run([readdress, "compile", folder / "plan.toml", "-o", folder / "map"], check=True, capture_output=True)
    (folder / "canonical").write_text("".join(f"{internal} {external}\n" for internal, external in people))
    (folder / "postmap").mkdir()
    (folder / "postmap/main.cf").write_text("compatibility_level = 3.6\n")
    subprocess.run(["postmap", "-c", folder / "postmap", f"hash:{folder}/canonical"], check=True)
    # Replies and reports go to whoever sends; the outside is one address.
    mails = [(people[at % len(people)][0], "someone@example.net", octets) for at, octets in enumerate(messages)]
    rounds = {way: [] for way in WAYS}
    for number in range(ROUNDS):
        for way in WAYS:
            place = folder / f"{way}-{number}"
            rounds[way].append(measure(place, folder, corpus, way, mails, count // ROUNDS, milter, noop))
    report(rounds, count, messages)


def measure(place, folder, corpus, way, mails, count, milter, noop):
    """Messages a second, and microseconds of Postfix and of the milter a message."""
    process, settings = None, ""
    socket_path = f"{place}.sock"
    if way == "noop":
        process = subprocess.Popen([noop, f"unix:{socket_path}"])
    elif way in ("readdress", "unmapped"):
        file = folder / "map" if way == "readdress" else corpus / "no-domain.map"
        (folder / "milter.conf").write_text(
            f"map = {file}\nsocket = unix:{socket_path}\numask = 0000\nlog = stderr\ndirection = outbound\n"
        )
        with open(folder / "milter.log", "w") as log:
            process = subprocess.Popen([milter, "-f", "-c", folder / "milter.conf"], stderr=log)
    elif way == "canonical":
        settings = CANONICAL.format(folder=folder)
    if process:
        settings = f"smtpd_milters = unix:{socket_path}\n"
        until = time.monotonic() + 10
        while not Path(socket_path).is_socket() and time.monotonic() < until:
            time.sleep(0.05)
        Path(socket_path).chmod(0o666)
    try:
        with Measured(place, settings) as postfix:
            warm(postfix, mails)
            start = time.monotonic()
            inject(postfix.port, mails, count)
            while postfix.sent() < count + SESSIONS:
                time.sleep(0.05)
                if time.monotonic() > start + 600:
                    raise RuntimeError(f"{way}: {postfix.sent()} of {count}\n{postfix.log()[-2000:]}")
            seconds = time.monotonic() - start
        milter_seconds = ended(process) if process else 0.0
        process = None
    finally:
        if process:
            process.kill()
            process.wait()
    return count / seconds, postfix.seconds / count * 1e6, milter_seconds / count * 1e6


def warm(postfix, mails):
    inject(postfix.port, mails, SESSIONS)


def inject(port, mails, count):
    """Sends so many messages over a few sessions side by side, each waiting for each answer."""
    numbers, failures = iter(range(count)), []
    lock = threading.Lock()

    def session():
        try:
            with socket.create_connection((HOST, port), 60) as connection:
                reader = connection.makefile("rb")
                talk(connection, reader, None, b"220")
                talk(connection, reader, b"EHLO client.example\r\n", b"250")
                while True:
                    with lock:
                        number = next(numbers, None)
                    if number is None:
                        return talk(connection, reader, b"QUIT\r\n", b"221")
                    sender, recipient, octets = mails[number % len(mails)]
                    talk(connection, reader, f"MAIL FROM:<{sender}>\r\n".encode(), b"250")
                    talk(connection, reader, f"RCPT TO:<{recipient}>\r\n".encode(), b"250")
                    talk(connection, reader, b"DATA\r\n", b"354")
                    talk(connection, reader, octets.replace(b"\r\n.", b"\r\n..") + b"\r\n.\r\n", b"250")
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=session) for _ in range(SESSIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def talk(connection, reader, command, wanted):
    if command:
        connection.sendall(command)
    while (line := reader.readline())[3:4] == b"-":
        pass
    if not line.startswith(wanted):
        raise RuntimeError(f"{line!r} to {(command or b'')[:60]!r}")


def report(rounds, count, messages):
    figures = {
        way: dict(zip(("messages_a_second", "postfix_us", "milter_us"), map(statistics.median, zip(*done)), strict=True))
        for way, done in rounds.items()
    }
    for way, figure in figures.items():
        figure["us"] = statistics.median(postfix + milter for _, postfix, milter in rounds[way])
    octets = sum(map(len, messages)) // len(messages)
    sys.stderr.write(f"{count} messages of {octets} octets, {ROUNDS} rounds in turn, medians\n")
    sys.stderr.write(f"{'way':10} {'messages/s':>10} {'us CPU':>8} {'Postfix':>8} {'milter':>8} {'to noop':>8} {'to alone':>8}\n")
    for way, figure in figures.items():
        sys.stderr.write(
            f"{way:10} {figure['messages_a_second']:10.0f} {figure['us']:8.0f} {figure['postfix_us']:8.0f}"
            f" {figure['milter_us']:8.0f} {figure['us'] - figures['noop']['us']:+8.0f}"
            f" {figure['us'] - figures['alone']['us']:+8.0f}\n"
        )
    json.dump({"messages": count, "octets": octets, "rounds": ROUNDS, "ways": figures}, sys.stdout, indent=1)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
