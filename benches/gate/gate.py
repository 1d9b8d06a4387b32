"""Holds the instructions that a message takes to a committed baseline.

    gate.py GATE CORPUS BASELINE [REASON]

GATE is the program (benches/src/bin/gate.rs), CORPUS what `generate` wrote. With a REASON the baseline is
written anew: where figures have moved, with the reason. More than 5 % more instructions is a failure.

callgrind counts the same from run to run, on whatever machine, as long as compiler, C library and
instruction set are the same: it runs what its own processor has (no AVX-512), not what the machine has.
"""

import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys

BENCHMARKS = (
    "scan",
    "verdict-no-domain",
    "verdict-no-mailbox",
    "rewrite-edit-list",
    "rewrite-contiguous",
    "small-contiguous",
    "path-hit",
    "path-miss",
)
TOLERANCE = 0.05
COLUMNS = "name\tinstructions a message\tcompiler\treason of the last change"


def valgrind(corpus, name):
    """Runs the program. It gets no environment and is called alike wherever it lies: both stand in memory
    before its stack, and move what is there."""
    tool = [shutil.which("valgrind"), "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    tool += ["--toggle-collect=gate::counted*", "./gate", ".", name]
    done = subprocess.run(tool, capture_output=True, text=True, cwd=corpus, env={})
    if done.returncode:
        sys.exit(f"gate: {name} ended with {done.returncode}\n{done.stderr}")
    return done


def count(corpus, name):
    """Instructions a message."""
    done = valgrind(corpus, name)
    collected = re.search(r"Collected : (\d+)", done.stderr)
    if not collected or int(collected[1]) == 0:
        sys.exit(f"gate: callgrind counted nothing for {name}\n{done.stderr}")
    return round(int(collected[1]) / int(done.stdout))


def read(path):
    """The circumstances, and for each benchmark its row."""
    rows, circumstances = {}, []
    for line in path.read_text().splitlines() if path.exists() else ():
        if line.startswith("# "):
            circumstances.append(line[2:])
        elif line and line != COLUMNS:
            name, instructions, compiler, reason = line.split("\t")
            rows[name] = (int(instructions), compiler, reason)
    return circumstances, rows


def write(path, circumstances, rows):
    lines = [f"# {line}" for line in circumstances] + [COLUMNS]
    lines += ["\t".join(map(str, (name, *rows[name]))) for name in BENCHMARKS]
    path.write_text("\n".join(lines) + "\n")


def main():
    corpus, baseline = sys.argv[2], pathlib.Path(sys.argv[3])
    shutil.copy(sys.argv[1], pathlib.Path(corpus) / "gate")
    reason = " ".join(sys.argv[4:]).strip()
    compiler = subprocess.run(["rustc", "--version"], capture_output=True, text=True, check=True).stdout.split(" (")[0]
    instruction_set = valgrind(corpus, "isa").stdout.strip()
    libc = os.confstr("CS_GNU_LIBC_VERSION") or "unknown libc"
    circumstances = [f"counted code chose from {instruction_set}; {libc}"]
    then, rows = read(baseline)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        found = dict(zip(BENCHMARKS, pool.map(lambda name: count(corpus, name), BENCHMARKS)))

    print(f"{'benchmark':20} {'baseline':>12} {'now':>12} {'difference':>11}")
    worse, better = [], []
    for name, now in found.items():
        if name not in rows:
            print(f"{name:20} {'-':>12} {now:>12,} {'new':>11}")
            continue
        before = rows[name][0]
        change = now / before - 1
        verdict = ""
        if change > TOLERANCE:
            verdict, _ = "  WORSE", worse.append(name)
        elif change < -TOLERANCE:
            verdict, _ = "  better", better.append(name)
        print(f"{name:20} {before:>12,} {now:>12,} {100 * change:>+10.1f} %{verdict}")

    if reason:
        for name, now in found.items():
            if name not in rows or rows[name][0] != now:
                rows[name] = (now, compiler, reason)
        write(baseline, circumstances, rows)
        print(f"gate: {baseline} written; commit it")
        return
    if then != circumstances or any(row[1] != compiler for row in rows.values()):
        was = "; ".join(then + sorted({row[1] for row in rows.values()}))
        print(f"gate: the baseline was counted with: {was}\n      this with: {'; '.join(circumstances)}; {compiler}")
    if missing := [name for name in BENCHMARKS if name not in rows]:
        sys.exit(f"gate: FAILED: no baseline for {', '.join(missing)}: make bench-gate-bless REASON=\"...\"")
    if worse:
        sys.exit(f"gate: FAILED: more than {100 * TOLERANCE:.0f} % more instructions: {', '.join(worse)}")
    if better:
        print(f"gate: {', '.join(better)}: raise the baseline: make bench-gate-bless REASON=\"...\"")
    print("gate: passed")


if __name__ == "__main__":
    main()
