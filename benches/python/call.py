"""What a call from Python costs over the same call from C: target P8.

    call.py CORPUS CALL_SO

CORPUS is what `generate` wrote, CALL_SO is c/call.c as a shared library. Both languages run in this
process in turns, and what is told is the median of the rounds' differences. Prints lines for the
table of targets that `peers` ends with.

Each map is opened three times: by Python, by the C program and by its control, a second C program. How
much those two differ is how little a difference can mean.
"""

import ctypes
import gc
import pathlib
import statistics
import sys
import time

import readdress

ROUNDS = 41
HOT = 100
ROUND_NS = 15_000_000
CALL_NS = 200


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


def race(runners, items):
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
    for round_number in range(ROUNDS):
        # Nobody always comes behind the same one.
        turn = round_number % len(names)
        for name in names[turn:] + names[:turn]:
            elapsed = clock(runners[name], passes[name])
            times[name].append(elapsed / passes[name] / items)
    gc.enable()
    return times


def median_of(times, compute):
    """The median over the rounds of something made of the times in one round."""
    rounds = [dict(zip(times, one)) for one in zip(*times.values())]
    return statistics.median(compute(one) for one in rounds)


def report(hits, corpus, times):
    """The lines of one map and corpus."""
    copy = median_of(times, lambda one: one["copy"] - one["loop"]) if hits == "mailboxes" else 0.0
    for kind, what, target in (("", "call", CALL_NS), (", bytes", "bytes(call)", CALL_NS + copy)):
        c = "C" + kind
        found = median_of(times, lambda one: one["Python" + kind] - one["loop"] - one[c])
        ratio = median_of(times, lambda one: (one["Python" + kind] - one["loop"]) / one[c])
        control = median_of(times, lambda one: one["control" + kind] - one[c])
        text = f"<= {CALL_NS} ns" + (f" and a copy, {copy:.0f} ns" if target > CALL_NS else "")
        met = "yes" if found <= target else "NO"
        found = f"{found:+.0f} ns ({ratio:.3f} x); control {control:+.0f} ns"
        print(f"| P8 | Python over C, {hits}, {what} | {corpus} | {text} | {found} | {met} |", flush=True)


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
    # Messages that no cache holds take times that vary by more than a call; one without fields is
    # the call and nothing else.
    corpora = {"hot": read(folder / "office"), "small": read(folder / "small"), "empty": [b"\r\n"] * HOT}
    for corpus, messages in corpora.items():
        for hits in ("no-domain", "no-mailbox", "mailboxes"):
            map_path = folder / f"{hits}.map"
            engine = readdress.Engine.open(map_path)
            caller, control = (Caller(library, map_path, messages) for _ in range(2))
            check(engine, caller, messages, hits)
            times = race(contestants(engine, caller, control, messages), len(messages))
            report(hits, corpus, times)
            caller.free()
            control.free()
            # Without a field there is nothing that a map could make a difference to.
            if corpus == "empty":
                break


def read(folder):
    return [path.read_bytes() for path in sorted(folder.glob("*.eml"))[:HOT]]


if __name__ == "__main__":
    main()
