"""The plots of docs/performance: bars for what a message takes, lines for look-ups, bars for threads.

Colours are Okabe and Ito's, which stay apart for the colour-blind; lines differ by marks, too.
"""

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot  # noqa: E402
from matplotlib.patches import Patch  # noqa: E402
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator  # noqa: E402

OURS, FLOOR, OTHERS = "#0072B2", "#999999", "#E69F00"
KINDS = {OURS: "readdress", FLOOR: "no parser: what the machine does at best", OTHERS: "others"}
WIDTH = 8.4

# What stands in the results, and what it is called in a plot.
SCAN = (
    ("memcpy", "memcpy", FLOOR),
    ("aho-corasick @domain, present", "aho-corasick, any of 20 “@domain”", FLOOR),
    ("memchr line feeds", "memchr, every line feed", FLOOR),
    ("scan", "readdress, address fields", OURS),
    ("scan by lines", "readdress, address fields, by memchr", OURS),
    ("scan, lists", "readdress, address fields and lists", OURS),
    ("mail-parser", "mail-parser, address fields and lists", OTHERS),
    ("mail-parser, whole message, all fields", "mail-parser, everything", OTHERS),
    ("mailparse", "mailparse, fields and addresses", OTHERS),
    ("GMime", "GMime, message and addresses", OTHERS),
)
VERDICT = (
    ("memchr line feeds", "memchr, every line feed", FLOOR),
    ("no-domain verdict", "readdress, no mapped domain", OURS),
    ("no-mailbox verdict", "readdress, no mapped mailbox", OURS),
    ("no-domain mail-parser + HashMap", "mail-parser + HashMap", OTHERS),
    ("no-domain GMime + hash table + write", "GMime + hash table, written", OTHERS),
    ("email package, headers + dict", "Python email + dict, headers", OTHERS),
    ("no-domain email package + dict + as_bytes", "Python email + dict, as_bytes", OTHERS),
)
REWRITE = (
    ("memcpy", "memcpy of the header section", FLOOR),
    ("mailboxes edit list", "readdress, edit list", OURS),
    ("mailboxes slices", "readdress, slices", OURS),
    ("mailboxes contiguous", "readdress, one buffer", OURS),
    ("mailboxes mail-parser + HashMap + splice", "mail-parser + HashMap, spliced", OTHERS),
    ("mailboxes GMime + hash table + write", "GMime + hash table, written", OTHERS),
    ("mailboxes email package + dict + as_bytes", "Python email + dict, as_bytes", OTHERS),
)
MAPS = (
    ("std HashMap", "#D55E00", "s"),
    ("hashbrown + ahash", "#E69F00", "D"),
    ("LMDB", "#009E73", "^"),
    ("cdb", "#CC79A7", "v"),
)
CORPORA = {"stream": "Microsoft-365-shaped mail", "real": "real mail"}


def draw(parts, docs):
    pyplot.rcParams.update({
        "svg.hashsalt": "readdress",
        "font.family": "DejaVu Sans",
        "font.size": 9.5,
        "axes.titlesize": 10.5,
        "axes.spines.top": False,
        "axes.spines.right": False,
    })
    if "messages" in parts:
        contestants = messages(parts)
        bars(docs / "scan.svg", "Finding the addresses of a message", contestants, SCAN)
        bars(docs / "verdict.svg", "A message with nothing to rewrite", contestants, VERDICT)
        bars(docs / "rewrite.svg", "A message with addresses to rewrite, 100,000 entries", contestants, REWRITE)
        threads(docs / "threads.svg", parts["messages"]["threads"])
    if "maps" in parts:
        maps = {int(count): one for count, one in sorted(parts["maps"].items(), key=lambda item: int(item[0]))}
        look_ups(docs / "look-ups.svg", maps)
        octets(docs / "octets.svg", maps)


def messages(parts):
    """Microseconds a message, by corpus and contestant."""
    found = {}
    for name, corpus in parts["messages"]["corpora"].items():
        if name in CORPORA:
            found[name] = {one: times["ns a message"] / 1000 for one, times in corpus["contestants"].items()}
    for name, email in parts.get("python", {}).get("email", {}).items():
        found.get(name, {}).update({one: ns / 1000 for one, ns in email["ns a message"].items()})
    return found


def bars(path, title, contestants, wanted):
    """A panel for each corpus, a bar for each contestant; on a logarithmic scale, since they lie that far
    apart."""
    wanted = [one for one in wanted if any(one[0] in times for times in contestants.values())]
    figure, panels = pyplot.subplots(
        1, len(contestants), figsize=(WIDTH, 1.35 + 0.27 * len(wanted)), sharey=True, squeeze=False, layout="constrained"
    )
    for panel, (corpus, times) in zip(panels[0], contestants.items(), strict=True):
        some = [times[name] for name, _, _ in wanted if name in times]
        low, high = min(some) / 2, max(some)
        for place, (name, _, colour) in enumerate(wanted):
            if name in times:
                panel.barh(place, times[name] - low, left=low, color=colour, height=0.72)
                panel.annotate(amount(times[name]), (times[name], place), (4, 0), textcoords="offset points", va="center", size=9)
            else:
                panel.annotate("not measured", (low, place), (4, 0), textcoords="offset points", va="center", size=8.5, color="#666666")
        panel.set_xscale("log")
        # Room for the amount behind the longest bar.
        panel.set_xlim(low, high * (high / low) ** 0.24)
        panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
        panel.xaxis.set_minor_formatter(NullFormatter())
        panel.set_title(CORPORA[corpus])
        panel.set_xlabel("µs a message, logarithmic; less is better")
        panel.grid(axis="x", color="#dddddd")
        panel.set_axisbelow(True)
    panels[0][0].set_yticks(range(len(wanted)), [label for _, label, _ in wanted])
    panels[0][0].invert_yaxis()
    figure.suptitle(title, weight="bold", size=11.5)
    legend = [Patch(color=colour, label=label) for colour, label in KINDS.items()]
    figure.legend(handles=legend, loc="outside lower center", ncols=3, frameon=False)
    save(figure, path)


def amount(microseconds):
    if microseconds >= 100:
        return f"{microseconds:,.0f}"
    return f"{microseconds:.1f}" if microseconds >= 10 else f"{microseconds:.2g}" if microseconds < 1 else f"{microseconds:.2f}"


def look_ups(path, maps):
    figure, panels = pyplot.subplots(1, 2, figsize=(WIDTH, 3.9), layout="constrained")
    for panel, what, title in zip(panels, ("hit", "miss"), ("Address with an entry", "Address without an entry"), strict=True):
        alone = [one["look-up alone, ns"][what] for one in maps.values()]
        panel.plot(list(maps), alone, color=OURS, marker="o", linewidth=2.4, label="readdress, together, look-up alone", zorder=3)
        whole = [one["ns"][f"readdress {what}, apart"] for one in maps.values()]
        panel.plot(
            list(maps), whole, color=OURS, marker="o", markerfacecolor="white", linestyle="--",
            label="readdress, SMTP path parsed, too", zorder=3,
        )
        lines(panel, maps, lambda one, name, what=what: one["ns"].get(f"{name} {what}, apart"))
        panel.set_title(title)
        panel.set_ylabel("ns a look-up; less is better")
        panel.set_ylim(0)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    figure.suptitle("Look-ups: one by one, or of a message together", weight="bold", size=11.5)
    save(figure, path)


def octets(path, maps):
    figure, panel = pyplot.subplots(figsize=(WIDTH, 3.4), layout="constrained")
    ours = [one["built"]["readdress"]["octets an entry and direction"] for one in maps.values()]
    panel.plot(list(maps), ours, color=OURS, marker="o", linewidth=2.4, label="readdress", zorder=3)
    lines(panel, maps, lambda one, name: one["built"].get(name, {}).get("octets an entry and direction"))
    panel.set_ylabel("octets an entry and direction")
    panel.set_ylim(0)
    figure.suptitle("What an entry takes: two addresses, about 58 octets of text", weight="bold", size=11.5)
    figure.legend(loc="outside right center", frameon=False)
    save(figure, path)


def lines(panel, maps, value):
    for name, colour, mark in MAPS:
        points = [(count, value(one, name)) for count, one in maps.items()]
        points = [point for point in points if point[1] is not None]
        if points:
            panel.plot(*zip(*points, strict=True), color=colour, marker=mark, label=name)
    panel.set_xscale("log")
    panel.xaxis.set_major_locator(FixedLocator(list(maps)))
    panel.xaxis.set_minor_locator(NullLocator())
    panel.xaxis.set_major_formatter(FuncFormatter(lambda count, _: entries(int(count))))
    panel.set_xlim(min(maps) / 1.5, max(maps) * 1.5)
    panel.set_xlabel("entries")
    panel.grid(color="#dddddd")
    panel.set_axisbelow(True)


def entries(count):
    return f"{count / 1_000_000:g} M" if count >= 1_000_000 else f"{count / 1000:g} k"


def threads(path, part):
    counts = part["threads"]
    names = {
        "memchr line feeds": ("memchr, nothing shared", FLOOR, ""),
        "no-domain verdict": ("readdress, nothing to rewrite", OURS, ""),
        "mailboxes contiguous": ("readdress, rewritten", "#56B4E9", "//"),
    }
    figure, panel = pyplot.subplots(figsize=(WIDTH, 3.4), layout="constrained")
    width = 0.8 / len(names)
    for nth, (name, (label, colour, hatch)) in enumerate(names.items()):
        scaling = part["works"][name]["of one thread"]
        places = [place + (nth - 1) * width for place in range(len(counts))]
        panel.bar(places, scaling, width * 0.92, color=colour, hatch=hatch, edgecolor="white", label=label)
        for place, times in zip(places, scaling, strict=True):
            panel.annotate(f"{times:.2f}", (place, times), (0, 3), textcoords="offset points", ha="center", size=9)
    panel.set_xticks(range(len(counts)), [f"{count} thread{'s' if count > 1 else ''}" for count in counts])
    panel.set_ylabel("messages a second, times one thread")
    panel.set_ylim(0, max(max(one["of one thread"]) for one in part["works"].values()) * 1.12)
    figure.suptitle(f"Threads that share one map, {part['processors']} processors", weight="bold", size=11.5)
    figure.legend(loc="outside lower center", ncols=3, frameon=False)
    save(figure, path)


def save(figure, path):
    figure.get_layout_engine().set(w_pad=0.1, h_pad=0.06)
    # Without a date, so that the same figures give the same file.
    figure.savefig(path, metadata={"Date": None}, facecolor="white")
    pyplot.close(figure)
