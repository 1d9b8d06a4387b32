"""The targets, and how far what was measured is from them."""

AT_LEAST, AT_MOST = ">=", "<="


class Line:
    """One target on one corpus or number of entries."""

    def __init__(self, number, what, on, kind, target, found, unit, is_judged=True, note=""):
        self.number, self.what, self.on = number, what, on
        self.kind, self.target, self.found, self.unit = kind, target, found, unit
        self.is_judged, self.note = is_judged, note

    def is_met(self):
        return self.found >= self.target if self.kind == AT_LEAST else self.found <= self.target

    def verdict(self):
        """Whether it is met, and by how much."""
        if not self.is_judged:
            return "-"
        if self.is_met():
            return "met"
        if self.found <= 0 or self.target <= 0:
            return "MISSED"
        factor = self.target / self.found if self.kind == AT_LEAST else self.found / self.target
        return f"MISSED by {100 * (factor - 1):.0f} %" if factor < 2 else f"MISSED: {factor:.1f} x to go"

    def cells(self):
        found = shown(self.found, self.unit) + (f"; {self.note}" if self.note else "")
        target = f"{self.kind} {shown(self.target, self.unit)}"
        return [self.number, self.what, self.on, target, found, self.verdict()]


def shown(number, unit):
    if unit == "x":
        return f"{number:.2f} x" if abs(number) < 10 else f"{number:,.0f} x"
    if unit == "ns":
        return f"{number:,.0f} ns"
    if unit == "octets":
        return f"{number:.1f} octets"
    if unit == "s":
        return f"{number * 1000:.0f} ms" if number < 1 else f"{number:.1f} s"
    return f"{number / 1e9:.2f} GB" if unit == "GB" else f"{number:g} {unit}"


HEADER = ["#", "what", "on", "target", "measured", "verdict"]


def lines(parts):
    """All targets that were measured."""
    found = []
    messages = parts.get("messages")
    if messages:
        found += message_lines(messages["corpora"])
    python = parts.get("python")
    if python:
        for corpus, email in python["email"].items():
            found += email_lines(corpus, email)
    for count in sorted(parts.get("maps", {}), key=int):
        found += map_lines(int(count), parts["maps"][count])
    for count in sorted(parts.get("compile", {}), key=int):
        found += compile_lines(int(count), parts["compile"][count])
    if python:
        found += call_lines(python["calls"])
    if messages:
        found += c_lines(messages["C"]) + thread_lines(messages["threads"])
    return sorted(found, key=lambda line: int(line.number[1:]))


def message_lines(corpora):
    found = []
    for corpus, one in corpora.items():
        real, ratios = corpus == "real", one["targets"]
        # The targets are about large header sections. Small messages show what a message costs.
        judged = corpus != "small"

        def add(number, what, kind, target, name):
            if name in ratios:
                found.append(Line(number, what, corpus, kind, target, ratios[name], "x", judged))

        add("P1", "scan, speed of the memchr pass", AT_LEAST, 1.15 if real else 1.5, "scan / memchr")
        add("P1", "the same without our own SIMD", AT_LEAST, 0.8, "scan by lines / memchr")
        add("P2", "nothing to do, time of the memchr pass", AT_MOST, 1.3 if real else 1.1, "memchr / verdict")
        add("P2", "nothing to do, against mail-parser + HashMap", AT_LEAST, 2.9, "verdict / mail-parser")
        add("P2", "nothing to do, against GMime", AT_LEAST, 80, "verdict / GMime")
        add("P3", "rewrite, against mail-parser + HashMap + splice", AT_LEAST, 2, "contiguous / mail-parser")
        add("P3", "rewrite, against GMime", AT_LEAST, 40, "contiguous / GMime")
        add("P4", "edit list, against mail-parser + HashMap + splice", AT_LEAST, 2.2, "edit list / mail-parser")
    return sorted(found, key=lambda line: (line.number, line.what))


def email_lines(corpus, email):
    return [
        Line("P2", "nothing to do, against Python's email package", corpus, AT_LEAST, 1100, email["message / verdict"], "x"),
        Line("P3", "rewrite, against Python's email package", corpus, AT_LEAST, 450, email["message / output"], "x"),
    ]


def named(count):
    return f"{count // 1_000_000} M entries" if count >= 1_000_000 else f"{count // 1000} k entries"


def map_lines(count, one):
    on, found = named(count), []
    octets = {name: built["octets an entry and direction"] for name, built in one["built"].items()}
    ours = octets["readdress"]
    # The targets are those of ten million; smaller maps have to pay for their beginnings.
    is_large = count >= 10_000_000
    found.append(Line("P5", "octets an entry and direction", on, AT_MOST, 13, ours, "octets", is_large))
    for rival, target in (("hashbrown + ahash", 11), ("cdb", 6), ("LMDB", 5)):
        if rival in octets:
            found.append(Line("P5", f"smaller than {rival}", on, AT_LEAST, target, octets[rival] / ours, "x", is_large))
    hit = {50_000: 300, 1_000_000: 600, 10_000_000: 1000}.get(count)
    alone, ns = one["look-up alone, ns"], one["ns"]
    if hit:
        note = f"as a path {ns['readdress hit, apart']:.0f}"
        found.append(Line("P6", "look-up of a message's addresses, hit", on, AT_MOST, hit, alone["hit"], "ns", note=note))
    note = f"as a path {ns['readdress miss, apart']:.0f}"
    found.append(Line("P6", "look-up of a message's addresses, miss", on, AT_MOST, 60, alone["miss"], "ns", note=note))
    return found


def compile_lines(count, one):
    on, seconds = named(count), {50_000: 0.15, 10_000_000: 60}.get(count)
    found = [Line("P7", "from CSV to a map", on, AT_MOST, seconds or 6, one["seconds"], "s", seconds is not None)]
    if count >= 1_000_000:
        found.append(Line("P7", "memory at most", on, AT_MOST, 2e9, one["peak octets"], "GB", count >= 10_000_000))
    return found


def call_lines(calls):
    found = []
    for corpus, kinds in calls.items():
        for hits, one in kinds.items():
            for what in ("call", "bytes(call)"):
                is_output = what != "call"
                # Who takes the octets of a changed message gets a copy of them. Those of another are the object
                # that was given, and what Python's own bytes() takes to ask for it is nobody's target.
                copied = is_output and hits == "mailboxes"
                is_judged = copied or not is_output
                target = 200 + (one["a copy, ns"] if copied else 0)
                note = f"control {one[what]['control, ns']:+.0f}"
                name = f"Python over C, {hits}, {what}"
                found.append(Line("P8", name, corpus, AT_MOST, target, one[what]["ns"], "ns", is_judged, note))
    return found


def c_lines(corpora):
    found = []
    for corpus, kinds in corpora.items():
        for hits, one in kinds.items():
            # Without a field there is nothing that a map could make a difference to.
            if corpus == "empty" and hits != "no-domain":
                continue
            note = f"with slices {one['slices']:+.0f}, control {one['control']:+.0f}"
            found.append(Line("P9", f"C over Rust, {hits}", corpus, AT_MOST, 30, one["rewrite"], "ns", note=note))
    return found


def thread_lines(threads):
    found = []
    for work, one in threads["works"].items():
        kept = one.get("two threads, of the control's")
        if kept is not None and work != "memchr line feeds":
            note = f"{one['of one thread'][1]:.2f} x one thread"
            found.append(Line("P10", f"two threads, of the control's: {work}", "stream", AT_LEAST, 0.97, kept, "x", note=note))
    return found
