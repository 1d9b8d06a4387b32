"""The examples in the documentation hold, those of the compiled classes among them."""

from __future__ import annotations

import doctest
from collections.abc import Iterator

import pytest

import readdress
from readdress import Engine, Rewritten

CLASSES = [kind for kind in map(vars(readdress).get, readdress.__all__) if isinstance(kind, type)]


def documented() -> Iterator[tuple[str, str]]:
    """Every place of the package's public side that has a doc string."""
    yield "readdress", readdress.__doc__ or ""
    for place in CLASSES:
        yield place.__name__, place.__doc__ or ""
        for name in vars(place):
            if not name.startswith("_"):
                yield f"{place.__name__}.{name}", getattr(place, name).__doc__ or ""


WITH_EXAMPLES = [(name, text) for name, text in documented() if ">>>" in text]


@pytest.mark.parametrize(("name", "text"), WITH_EXAMPLES, ids=[name for name, _ in WITH_EXAMPLES])
def test_the_examples_hold(name: str, text: str, engine: Engine) -> None:
    globs = {"engine": engine, "Entry": readdress.Entry}
    examples = doctest.DocTestParser().get_doctest(text, globs, name, None, 0)
    report: list[str] = []
    results = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(examples, out=report.append)
    assert results.attempted > 0
    assert results.failed == 0, "".join(report)


def test_what_a_gateway_calls_has_an_example() -> None:
    names = {name for name, _ in WITH_EXAMPLES}
    assert names >= {
        "readdress",
        "Engine.from_entries",
        "Engine.entries",
        "Engine.rewrite",
        "Engine.rewrite_many",
        "Engine.rewrite_path",
        "Engine.explain",
        "Engine.route",
        "Rewritten",
        "Rewritten.slices",
        "Entry",
    }


def test_everything_public_says_what_it_is() -> None:
    assert len(CLASSES) >= 14
    silent = [kind.__name__ for kind in CLASSES if not kind.__doc__]
    for kind in (Engine, Rewritten):
        silent += [
            name
            for name in dir(kind)
            if not name.startswith("_") and not getattr(kind, name).__doc__
        ]
    assert silent == []
