"""What a call from Python costs over the same call from C, and what Python's own email package takes.

    call.py CORPUS CALL_SO

CORPUS is what `generate` wrote, CALL_SO is c/call.c as a shared library. All run in this process in
turns. What each took in each round goes to standard output as JSON.

Each map is opened three times: by Python, by the C program and by its control, a second C program. How
much those two differ is how little a difference can mean.
"""

import csv
import ctypes
import email.parser
import email.utils
import gc
import json
import pathlib
import sys
import time

import readdress

ROUNDS = 41
HOT = 100
ROUND_NS = 15_000_000
# The email package takes a thousand times as long: fewer rounds, and every so many messages only.
EMAIL_ROUNDS = 11
EMAIL_STEP = 50

# The fields that the preset rewrites in the generated messages.
FIELDS = ("From", "Sender", "Reply-To", "To", "Cc", "Disposition-Notification-To")


class Slice(ctypes.Structure):
    """readdress_slice."""

    _fields_ = [("data", ctypes.c_char_p), ("len", ctypes.c_size_t)]


class Caller:
    """The C program."""

    def __init__(self, library, map_path, messages):
        library.call_new.restype = ctypes.c_void_p
        library.call_octets.restype = ctypes.c_void_p
        self.library = library
        self.caller = ctypes.c_void_p(library.call_new(bytes(map_path)))
        if not self.caller:
            sys.exit(f"call.py: {map_path} can't be opened")
        self.slices = (Slice * len(messages))(*[Slice(message, len(message)) for message in messages])

    def run(self, function, passes):
        """Calls a function of the program for all messages."""
        count = ctypes.c_size_t(len(self.slices))
        if not function(self.caller, self.slices, count, ctypes.c_size_t(passes)):
            sys.exit("call.py: the C library refuses a message")

    def rewrite(self, passes):
        self.run(self.library.call_rewrite, passes)

    def output(self, passes):
        self.run(self.library.call_output, passes)

    def free(self):
        self.library.call_free(self.caller)

    def octets(self, number, size):
        """The output for one message, as large as it should be."""
        one = ctypes.byref(self.slices, number * ctypes.sizeof(Slice))
        if not self.library.call_output(self.caller, one, ctypes.c_size_t(1), ctypes.c_size_t(1)):
            sys.exit("call.py: the C library refuses a message")
        return ctypes.string_at(self.library.call_octets(self.caller), size)


def contestants(engine, caller, control, messages):
    """Functions that go over all messages as many times as they are told, by name."""
    rewrite = engine.rewrite
    arrays = [bytearray(message) for message in messages]

    def loop(passes):
        for _ in range(passes):
            for message in messages:
                pass

    def copy(passes):
        for _ in range(passes):
            for array in arrays:
                bytes(array)

    def python_rewrite(passes):
        for _ in range(passes):
            for message in messages:
                rewrite(message, direction="outbound")

    def python_output(passes):
        for _ in range(passes):
            for message in messages:
                bytes(rewrite(message, direction="outbound"))

    return {
        "loop": loop,
        "copy": copy,
        "Python": python_rewrite,
        "Python, bytes": python_output,
        "C": caller.rewrite,
        "C, bytes": caller.output,
        "control": control.rewrite,
        "control, bytes": control.output,
    }


class EmailPackage:
    """What somebody would write who has the standard library and a dictionary."""

    def __init__(self, entries):
        self.map = entries
        self.headers = email.parser.BytesHeaderParser()
        self.whole = email.parser.BytesParser()

    def look_up(self, message):
        """Parses the header section alone and looks all addresses up: how many have an entry."""
        parsed = self.headers.parsebytes(message)
        hits = 0
        for field in FIELDS:
            for _, address in email.utils.getaddresses(parsed.get_all(field, ())):
                hits += address.lower() in self.map
        return hits

    def rewrite(self, message):
        """Whole message in, whole message out."""
        parsed = self.whole.parsebytes(message)
        for field in FIELDS:
            body = parsed.get(field)
            if body is None:
                continue
            pairs = email.utils.getaddresses([body])
            found = [(name, self.map.get(address.lower(), address)) for name, address in pairs]
            if found != pairs:
                parsed.replace_header(field, ", ".join(map(email.utils.formataddr, found)))
        return parsed.as_bytes()


def race_email(folder, library, messages):
    """The email package over some of the messages and the C program over all: octets of all sizes in
    both, and from memory rather than a cache."""
    some = messages[::EMAIL_STEP]
    with open(folder / "entries.csv", newline="") as rows:
        entries = {row["InternalAddress"]: row["ExternalAddress"] for row in csv.DictReader(rows)}
    hits, nothing = EmailPackage(entries), EmailPackage({"nobody." + key: entries[key] for key in entries})
    callers = {
        name: Caller(library, folder / f"{name}.map", messages) for name in ("no-domain", "mailboxes")
    }
    engine = readdress.Engine.open(folder / "mailboxes.map")
    for message in some:
        edits = sum(edit.entry is not None for edit in engine.rewrite(message, direction="outbound").edits)
        assert hits.look_up(message) == edits, "the email package finds as many"

    def over_some(function):
        def run(passes):
            for _ in range(passes):
                for message in some:
                    function(message)

        return run

    items = {"C no-domain": len(messages), "C mailboxes, output": len(messages)}
    runners = {
        "email package, headers + dict": over_some(nothing.look_up),
        "no-domain email package + dict + as_bytes": over_some(nothing.rewrite),
        "mailboxes email package + dict + as_bytes": over_some(hits.rewrite),
        "C no-domain": callers["no-domain"].rewrite,
        "C mailboxes, output": callers["mailboxes"].output,
    }
    times = race(runners, len(some), EMAIL_ROUNDS)
    for name, count in items.items():
        times[name] = [time * len(some) / count for time in times[name]]
    return times


def race(runners, items, rounds=ROUNDS):
    """Nanoseconds an item, for each contestant in each round."""

    # The thread's time on a processor: waiting for one, where others compute, too, says nothing.
    def clock(run, passes):
        start = time.thread_time_ns()
        run(passes)
        return time.thread_time_ns() - start

    passes = {}
    for name, run in runners.items():
        run(1)
        passes[name] = ROUND_NS // max(clock(run, 1), 1) + 1
    times = {name: [] for name in runners}
    names = list(runners)
    gc.collect()
    gc.disable()
    for round_number in range(rounds):
        # Nobody always comes behind the same one.
        turn = round_number % len(names)
        in_turn = names[turn:] + names[:turn]
        for name in in_turn if round_number % 2 == 0 else reversed(in_turn):
            elapsed = clock(runners[name], passes[name])
            times[name].append(elapsed / passes[name] / items)
    gc.enable()
    return times


def check(engine, caller, messages, hits):
    """C and Python give the same, and an unchanged message is the object that was given."""
    for number, message in enumerate(messages):
        done = engine.rewrite(message, direction="outbound")
        octets = bytes(done)
        if done.changed:
            assert caller.octets(number, len(octets)) == octets
        else:
            assert octets is message
        assert hits == "mailboxes" or not done.changed


def main():
    folder, library = pathlib.Path(sys.argv[1]), ctypes.CDLL(sys.argv[2])
    office = read(folder / "office")
    # Messages that no cache holds take times that vary by more than a call; one without fields is
    # the call and nothing else.
    corpora = {"hot": office[:HOT], "small": read(folder / "small"), "empty": [b"\r\n"] * HOT}
    calls = []
    for corpus, messages in corpora.items():
        for hits in ("no-domain", "no-mailbox", "mailboxes"):
            map_path = folder / f"{hits}.map"
            engine = readdress.Engine.open(map_path)
            caller, control = (Caller(library, map_path, messages) for _ in range(2))
            check(engine, caller, messages, hits)
            times = race(contestants(engine, caller, control, messages), len(messages))
            calls.append({"name": corpus, "hits": hits, "times": rounded(times)})
            caller.free()
            control.free()
            # Without a field there is nothing that a map could make a difference to.
            if corpus == "empty":
                break
    mail = {"name": "stream", "times": rounded(race_email(folder, library, office))}
    json.dump({"calls": calls, "email": mail}, sys.stdout)


def rounded(times):
    return {name: [round(time, 2) for time in rounds] for name, rounds in times.items()}


def read(folder):
    return [path.read_bytes() for path in sorted(folder.glob("*.eml"))]


if __name__ == "__main__":
    main()
