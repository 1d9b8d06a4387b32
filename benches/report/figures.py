"""What was measured: the raw rounds of one run, and what of them is kept.

Ratios and differences are taken within a round, and the median of the rounds is told: two medians might
come from different phases of the machine.
"""

import statistics

FLOOR = "memchr line feeds"


class Race:
    """Contestants that ran in turns."""

    def __init__(self, times):
        self.times = times

    def __contains__(self, name):
        return name in self.times

    def names(self):
        return list(self.times)

    def of(self, name):
        return statistics.median(self.times[name])

    def ratio(self, name, other):
        """How many times as long `name` takes as `other`."""
        return self._compare(name, other, lambda time, base: time / base)

    def difference(self, name, other):
        """How many nanoseconds longer `name` takes than `other`."""
        return self._compare(name, other, lambda time, base: time - base)

    def _compare(self, name, other, compare):
        pairs = zip(self.times[name], self.times[other], strict=True)
        return statistics.median(compare(time, base) for time, base in pairs)


def significant(number, digits=4):
    """So many digits, as more would pretend."""
    return float(f"{number:.{digits}g}")


def messages_part(raw):
    """Corpora with all contestants, beside the memchr pass."""
    corpora = {}
    for corpus in raw["corpora"]:
        race = Race(corpus.pop("times"))
        name = corpus.pop("name")
        contestants = {
            one: {"ns a message": significant(race.of(one)), "of memchr": significant(race.ratio(one, FLOOR))}
            for one in race.names()
        }
        corpora[name] = {**corpus, "contestants": contestants, "targets": message_ratios(race)}
    c = {one["name"]: c_differences(Race(one["times"])) for one in raw["C"]}
    return {"corpora": corpora, "C": c, "threads": threads_part(raw["threads"])}


def message_ratios(race):
    """The ratios that targets are about; how many times as fast as the other we are."""
    wanted = {
        "scan / memchr": (FLOOR, "scan"),
        "scan by lines / memchr": (FLOOR, "scan by lines"),
        "memchr / verdict": ("no-domain verdict", FLOOR),
        "verdict / mail-parser": ("no-domain mail-parser + HashMap", "no-domain verdict"),
        "verdict / GMime": ("no-domain GMime + hash table + write", "no-domain verdict"),
        "contiguous / mail-parser": ("mailboxes mail-parser + HashMap + splice", "mailboxes contiguous"),
        "contiguous / GMime": ("mailboxes GMime + hash table + write", "mailboxes contiguous"),
        "edit list / mail-parser": ("mailboxes mail-parser + HashMap + splice", "mailboxes edit list"),
    }
    return {
        name: significant(race.ratio(slow, fast))
        for name, (slow, fast) in wanted.items()
        if slow in race and fast in race
    }


def c_differences(race):
    """Nanoseconds that C takes longer than Rust, by kind of hits."""
    differences = {}
    for hits in ("no-domain", "no-mailbox", "mailboxes"):
        over = lambda who, what: round(race.difference(f"{who} {hits} {what}", f"Rust {hits} {what}"), 1)
        differences[hits] = {
            "rewrite": over("C", "rewrite"),
            "slices": over("C", "slices"),
            "control": over("control", "rewrite"),
        }
    return differences


def threads_part(raw):
    """Messages a second, and how many times one thread's several threads do."""
    works = {}
    for name, by_count in raw["messages a second"].items():
        scaling = [
            significant(statistics.median(many / one for many, one in zip(rounds, by_count[0], strict=True)))
            for rounds in by_count
        ]
        rates = [significant(statistics.median(rounds)) for rounds in by_count]
        works[name] = {"messages a second": rates, "of one thread": scaling}
    control = raw["messages a second"][FLOOR]
    if len(raw["counts"]) > 1:
        for name, by_count in raw["messages a second"].items():
            rounds = zip(by_count[0], by_count[1], control[0], control[1], strict=True)
            kept = statistics.median((two / one) / (base_two / base_one) for one, two, base_one, base_two in rounds)
            works[name]["two threads, of the control's"] = significant(kept)
    return {"processors": raw["processors"], "threads": raw["counts"], "works": works}


def map_part(raw):
    """One number of entries: what building takes, and look-ups."""
    race = Race(raw["times"])
    ours = {
        what: round(race.difference(f"readdress {what}, together", f"readdress {what}, read alone"), 1)
        for what in ("hit", "miss")
    }
    built = {
        name: {key: significant(value) if isinstance(value, float) else value for key, value in one.items() if value}
        for name, one in raw["built"].items()
    }
    return {"built": built, "ns": {name: round(race.of(name), 1) for name in race.names()}, "look-up alone, ns": ours}


def compile_part(raw):
    """One number of entries, from CSV to a map."""
    median = lambda what: significant(statistics.median(run[what] for run in raw["runs"]))
    return {"runs": len(raw["runs"]), **{what: median(what) for what in raw["runs"][0]}}


def python_part(raw):
    """What calls cost over C's, and the email package."""
    calls = {}
    for one in raw["calls"]:
        race = Race(one["times"])
        over = lambda kind: {
            "ns": round(race.difference("Python" + kind, "C" + kind) - race.of("loop"), 1),
            "control, ns": round(race.difference("control" + kind, "C" + kind), 1),
        }
        copy = round(race.difference("copy", "loop"), 1)
        calls.setdefault(one["name"], {})[one["hits"]] = {
            "call": over(""),
            "bytes(call)": over(", bytes"),
            "a copy, ns": copy,
        }
    race = Race(raw["email"]["times"])
    headers, nothing, hits = (
        "email package, headers + dict",
        "no-domain email package + dict + as_bytes",
        "mailboxes email package + dict + as_bytes",
    )
    email = {
        "ns a message": {name: significant(race.of(name)) for name in race.names()},
        "headers + dict / verdict": significant(race.ratio(headers, "C no-domain")),
        "message / verdict": significant(race.ratio(nothing, "C no-domain")),
        "message / output": significant(race.ratio(hits, "C mailboxes, output")),
    }
    return {"calls": calls, "email": {raw["email"]["name"]: email}}
