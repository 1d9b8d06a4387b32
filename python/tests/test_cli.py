"""The installed command: the same results as the package, exit codes, and Ctrl-C."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import readdress
from readdress import Engine
from readdress._cli import main

SCRIPT = Path(sys.executable).with_name("readdress")
COMMANDS = {"script": [str(SCRIPT)], "module": [sys.executable, "-I", "-m", "readdress"]}


def run(*arguments: str | Path, message: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [SCRIPT, *arguments], input=message, capture_output=True, timeout=60, check=False
    )


def rewrite(map_file: Path, message: bytes, *more: str) -> subprocess.CompletedProcess[bytes]:
    return run("rewrite", "--map", map_file, "--direction", "outbound", *more, message=message)


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_it_tells_its_version_and_its_name(command: list[str]) -> None:
    version = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True)
    assert version.stdout == f"readdress {readdress.__version__}\n"
    usage = subprocess.run([*command, "--help"], capture_output=True, text=True, check=True)
    assert "Usage: readdress <COMMAND>" in usage.stdout


def test_it_rewrites_as_the_package_does(
    engine: Engine, map_file: Path, message: bytes, tmp_path: Path
) -> None:
    bodies = (b"", b"caf\xe9\0\r\n\n\r", b"x" * 300_000)
    for given in (message, b"", b"no message", *(message + body for body in bodies)):
        done = rewrite(map_file, given)
        assert (done.returncode, done.stdout) == (
            0,
            bytes(engine.rewrite(given, direction="outbound")),
        )
    (tmp_path / "message.eml").write_bytes(message)
    done = rewrite(map_file, b"", str(tmp_path / "message.eml"))
    assert done.stdout == bytes(engine.rewrite(message, direction="outbound"))


def test_it_tells_what_the_package_tells(engine: Engine, map_file: Path, message: bytes) -> None:
    report = json.loads(rewrite(map_file, message, "--format", "json").stdout)
    done = engine.rewrite(message, direction="outbound")
    assert report["generation"] == done.generation
    assert [(edit["offset"], edit["length"]) for edit in report["edits"]] == [
        (edit.offset, edit.length) for edit in done.edits
    ]


def test_a_map_that_it_compiles_is_one_for_the_package(plan: Path, tmp_path: Path) -> None:
    assert run("check", plan).returncode == 0
    assert run("compile", plan, "-o", tmp_path / "new.map").returncode == 0
    assert Engine.open(tmp_path / "new.map").generation == Engine.compile(plan).generation


def test_names_of_files_need_not_be_utf8(engine: Engine, message: bytes, tmp_path: Path) -> None:
    engine.save(tmp_path / "caf\udce9.map")
    done = rewrite(tmp_path / "caf\udce9.map", message)
    assert done.stdout == bytes(engine.rewrite(message, direction="outbound"))


def test_exit_codes_are_those_of_the_help_text(plan: Path, map_file: Path, message: bytes) -> None:
    assert run("--nonsense").returncode == 64
    assert run().returncode == 64
    assert run("rewrite", "--map", map_file).returncode == 64
    assert rewrite(plan, message).returncode == 65
    assert rewrite(plan.with_name("missing"), message).returncode == 66
    assert run("compile", plan, "-o", plan.with_name("missing") / "a.map").returncode == 73
    assert rewrite(map_file, b"Subject: x\n" * 100_001).returncode == 75
    table = plan.with_name("entries.csv")
    table.write_text("InternalAddress,ExternalAddress\na@x.org,c@y.org\nb@x.org,c@y.org\n")
    assert run("check", plan).returncode == 1
    assert run("compile", plan, "-o", plan.with_name("a.map")).returncode == 65


def test_it_prints_nothing_where_a_limit_is_passed(map_file: Path) -> None:
    done = rewrite(map_file, b"Subject: x\n" * 100_001)
    assert done.stdout == b""
    assert b"fields" in done.stderr


def test_a_reader_that_goes_away_is_no_traceback(map_file: Path) -> None:
    """As with `readdress rewrite ... | head -1`."""
    process = waiting(map_file, b"x" * 4_000_000)
    assert process.stdout is not None
    process.stdout.close()
    assert process.stdin is not None
    process.stdin.close()
    assert process.stderr is not None
    with process.stderr:
        assert b"Traceback" not in process.stderr.read()
    assert process.wait(timeout=30) in {74, -signal.SIGPIPE}


def waiting(map_file: Path, body: bytes, ignored: bool = False) -> subprocess.Popen[bytes]:
    """The command, waiting for the end of its standard input. The tests themselves may be a background job."""
    on_ctrl_c = signal.SIG_IGN if ignored else signal.SIG_DFL
    process = subprocess.Popen(
        [SCRIPT, "rewrite", "--map", map_file, "--direction", "outbound", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, on_ctrl_c),
    )
    assert process.stdin is not None
    # More than a pipe holds: it has read some of it as soon as this is written.
    process.stdin.write(b"From: john@tenant1.contoso.com\n\n" + body)
    process.stdin.flush()
    return process


def test_ctrl_c_ends_it_at_once(map_file: Path) -> None:
    process = waiting(map_file, b"x" * 1_000_000)
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == -signal.SIGINT
    assert time.monotonic() - began < 5
    assert process.communicate() == (b"", b"")


def test_ctrl_c_is_ignored_where_it_was_before(map_file: Path) -> None:
    """As in the background jobs of a shell script."""
    process = waiting(map_file, b"x" * 1_000_000, ignored=True)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert output.startswith(b"From: john@contoso.com\n\nxxx")


def test_main_leaves_the_handler_of_ctrl_c_as_it_was(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["anything", "--version"])
    before = signal.getsignal(signal.SIGINT)
    assert main() == 0
    assert signal.getsignal(signal.SIGINT) is before
    assert capfd.readouterr().out == f"readdress {readdress.__version__}\n"
