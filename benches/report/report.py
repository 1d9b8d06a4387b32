"""Makes a table, docs/performance/results.json and the plots of what was measured.

    report.py RAW DOCS

RAW has what the programs printed: messages.json, maps.json, compile.json, python.json; what is missing
was not measured now, and stays as it was. DOCS is docs/performance. In its README.md, what stands
between `<!-- NAME -->` and `<!-- /NAME -->` is written anew.
"""

import datetime
import json
import os
import pathlib
import platform
import re
import subprocess
import sys
import tomllib

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import figures  # noqa: E402
import targets  # noqa: E402

ROOT = pathlib.Path(__file__).parents[2]
NOT_MEASURED = "Not measured: P3 against Postfix, P11."
RIVALS = ("aho-corasick", "ahash", "hashbrown", "heed", "mail-parser", "mailparse", "memchr")


def main():
    raw_folder, docs = map(pathlib.Path, sys.argv[1:3])
    raw = {path.stem: json.loads(path.read_text()) for path in raw_folder.glob("*.json")}
    results_file = docs / "results.json"
    parts = json.loads(results_file.read_text()) if results_file.exists() else {}
    circumstances = measured()
    for name, make in (("messages", figures.messages_part), ("python", figures.python_part)):
        if name in raw:
            parts[name] = {"measured": circumstances, **make(raw[name])}
    # Each number of entries is for itself, so that a short run leaves the ten million as they were.
    for name, make in (("maps", figures.map_part), ("compile", figures.compile_part)):
        for one in raw.get(name, []):
            count = str(one["entries"])
            parts.setdefault(name, {})[count] = {"measured": circumstances, **make(one)}
    parts = {name: parts[name] for name in ("messages", "python", "maps", "compile") if name in parts}
    docs.mkdir(parents=True, exist_ok=True)
    results_file.write_text(json.dumps(parts, indent=1) + "\n")

    lines = targets.lines(parts)
    table = [targets.HEADER] + [line.cells() for line in lines]
    print_aligned(table)
    judged = [line for line in lines if line.is_judged]
    print(f"\n{sum(line.is_met() for line in judged)} of {len(judged)} met. {NOT_MEASURED}\n{told(parts)}")
    readme = docs / "README.md"
    if readme.exists():
        text = readme.read_text()
        text = replaced(text, "circumstances", told(parts))
        text = replaced(text, "targets", markdown(table))
        text = replaced(text, "times", markdown(times_table(parts)))
        text = replaced(text, "maps", markdown(maps_table(parts)))
        readme.write_text(text)
    try:
        import plots
    except ImportError:
        print("report: SKIPPED the plots: matplotlib is missing", file=sys.stderr)
        return
    plots.draw(parts, docs)


def measured():
    """When, on what and of what."""

    def said(*command):
        try:
            return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True).stdout.strip()
        except (OSError, subprocess.CalledProcessError):
            return "unknown"

    cpu = pathlib.Path("/proc/cpuinfo").read_text()
    name = re.search(r"^model name\s*: (.*)$", cpu, re.MULTILINE)
    lock = tomllib.loads((ROOT / "benches/peers/Cargo.lock").read_text())
    versions = {package["name"]: package["version"] for package in lock["package"]}
    return {
        "date": datetime.datetime.now().isoformat(" ", "minutes"),
        "commit": said("git", "describe", "--always", "--dirty"),
        "processor": name[1] if name else platform.machine(),
        "processors": cpu.count("processor\t:"),
        "load when done": round(os.getloadavg()[0], 1),
        "versions": {
            "rustc": said("rustc", "--version").removeprefix("rustc ").split(" ")[0],
            "cc": said("cc", "-dumpfullversion"),
            "python": platform.python_version(),
            "GMime": said("pkg-config", "--modversion", "gmime-3.0"),
            "TinyCDB": said("pkg-config", "--modversion", "libcdb"),
            "readdress": versions["readdress"],
            **{rival: versions[rival] for rival in RIVALS},
        },
    }


def told(parts):
    """The circumstances in words, and which figures are of other runs than the last."""
    runs = {}
    for name, part in parts.items():
        some = part.items() if name in ("maps", "compile") else [("", part)]
        for count, one in some:
            label = {"messages": "messages", "python": "Python", "maps": "look-ups", "compile": "compiling"}[name]
            label += f" of {targets.named(int(count))}" if count else ""
            runs.setdefault(json.dumps(one["measured"]), []).append(label)
    # Dates come first in them.
    newest = max(runs)
    about = json.loads(newest)
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    text = f"{about['date']}, commit {about['commit']}, {about['processor']}, {about['processors']} processors "
    text += f"(load {about['load when done']} at the end, one of it ours); {versions}."
    for run in sorted(runs, reverse=True):
        one = json.loads(run)
        if run != newest:
            text += f" Of an earlier run, {one['date']}, commit {one['commit']}: {', '.join(runs[run])}."
    return text


def times_table(parts):
    corpora = parts.get("messages", {}).get("corpora", {})
    rows = [["times the memchr pass (ns a message)", *corpora]]
    for name in next(iter(corpora.values()), {}).get("contestants", {}):
        cells = [one["contestants"].get(name) for one in corpora.values()]
        rows.append([name, *(f"{cell['of memchr']:.2f} ({cell['ns a message']:,.0f})" if cell else "" for cell in cells)])
    email = parts.get("python", {}).get("email", {}).get("stream", {}).get("ns a message", {})
    for name, ns in email.items():
        if not name.startswith("C "):
            floor = corpora["stream"]["contestants"][figures.FLOOR]["ns a message"] if "stream" in corpora else ns
            rows.append([name, f"{ns / floor:,.0f} ({ns:,.0f})"] + [""] * (len(corpora) - 1))
    return rows


def maps_table(parts):
    maps = {int(count): one for count, one in parts.get("maps", {}).items()}
    rows = [["", *(targets.named(count) for count in sorted(maps))]]
    names = next(iter(maps.values()), {}).get("built", {})
    wanted = [("octets an entry and direction", "octets an entry"), ("seconds", "built in"), ("peak octets", "memory to build")]
    show = {"seconds": lambda s: targets.shown(s, "s"), "peak octets": lambda octets: f"{octets / 1e6:,.0f} MB"}
    for key, what in wanted:
        for name in names:
            cells = [maps[count]["built"].get(name, {}).get(key) for count in sorted(maps)]
            cell = show.get(key, lambda octets: f"{octets:.1f}")
            rows.append([f"{what}, {name}", *("" if one is None else cell(one) for one in cells)])
    for name in next(iter(maps.values()), {}).get("ns", {}):
        cells = [maps[count]["ns"].get(name) for count in sorted(maps)]
        rows.append([f"{name}, ns", *("" if one is None else f"{one:,.0f}" for one in cells)])
    return rows


def markdown(rows):
    header, *rows = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([header, "|" + "---|" * (header.count("|") - 1), *rows])


def print_aligned(rows):
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def replaced(text, name, content):
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    return pattern.sub(lambda _: f"{begin}\n{content}\n{end}", text)


if __name__ == "__main__":
    main()
