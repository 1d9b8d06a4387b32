"""What all tests share: an engine of two mailboxes, a map file and a plan of the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from readdress import Engine, Entry

# The documentation's examples are written for these two.
ENTRIES = (
    Entry("john@tenant1.contoso.com", "john@contoso.com", name="John Doe"),
    Entry("mary.jones@tenant2.contoso.com", "mary@contoso.com"),
)

PLAN = """\
[plan]
name = "two-mailboxes"

[[rewrite.entries]]
file = "entries.csv"

[limits]
header-octets = 20000
fields = 100
addresses = 10
"""

CSV = """\
Name,InternalAddress,ExternalAddress,ExceptionList,OutboundOnly
John Doe,john@tenant1.contoso.com,john@contoso.com,,
Mary Jones,mary.jones@tenant2.contoso.com,mary@contoso.com,,
"""

MESSAGE = b"""\
From: "Doe, John" <john@tenant1.contoso.com>\r
To: Mary (at work) <mary.jones@tenant2.contoso.com>,\r
 olivia@example.org\r
Subject: lunch with john@tenant1.contoso.com\r
\r
Call john@tenant1.contoso.com!\r
"""

REWRITTEN = b"""\
From: "Doe, John" <john@contoso.com>\r
To: Mary (at work) <mary@contoso.com>,\r
 olivia@example.org\r
Subject: lunch with john@tenant1.contoso.com\r
\r
Call john@tenant1.contoso.com!\r
"""


@pytest.fixture(scope="session")
def engine() -> Engine:
    return Engine.from_entries(ENTRIES)


@pytest.fixture
def shadow() -> Engine:
    return Engine.from_entries(ENTRIES, mode="shadow")


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    (tmp_path / "entries.csv").write_text(CSV)
    (tmp_path / "plan.toml").write_text(PLAN)
    return tmp_path / "plan.toml"


@pytest.fixture
def map_file(tmp_path: Path, engine: Engine) -> Path:
    engine.save(tmp_path / "two.map")
    return tmp_path / "two.map"


@pytest.fixture(scope="session")
def message() -> bytes:
    return MESSAGE


@pytest.fixture(scope="session")
def rewritten() -> bytes:
    return REWRITTEN
