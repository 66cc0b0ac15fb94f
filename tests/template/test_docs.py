"""The documents speak of what there is: every promise names its tests, and every name, file and error exists."""

import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCS = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
SEMANTICS = (ROOT / "docs/SEMANTICS.md").read_text()


def promises(text: str) -> dict:
    """Each promise's tests: number to pairs of file and test name."""
    found = {}
    for part in re.split(r"^### ", text, flags=re.MULTILINE)[1:]:
        number = re.match(r"S(\d+)\. ", part)
        assert number, f"a promise without a number: {part[:60]!r}"
        assert int(number[1]) not in found, f"S{number[1]} is promised twice"
        _, _, listed = part.partition("\nTests:\n")
        # The list ends where its lines do.
        listed = re.split(r"\n(?![- ] )", listed)[0]
        found[int(number[1])] = [
            (entry[1], name)
            for entry in re.finditer(r"^- `([^`]+)`:((?:[^\n]|\n  )*)", listed, flags=re.MULTILINE)
            for name in re.findall(r"`([a-z0-9_]+)`", entry[2])
        ]
    return found


def defined_in(path: str, text: str) -> set:
    """The names of the tests that a Rust or Python file defines, those that its macros make among them."""
    if path.endswith(".py"):
        return set(re.findall(r"^def (test_\w+)\(", text, flags=re.MULTILINE))
    attribute = r"#\[(?:tokio::)?test\b[^\]]*\]\s*(?:#\[[^\]]*\]\s*)*(?:async\s+)?fn\s+(\w+)"
    # The explorer: `clean! { name: Goal, … }` and `found! { name: Switch, … }`.
    blocks = re.findall(r"^(?:clean|found)! \{\n(.*?)^\}", text, flags=re.MULTILINE | re.DOTALL)
    return set(re.findall(attribute, text)) | {name for block in blocks for name in re.findall(r"^ +(\w+): \w+,", block, flags=re.MULTILINE)}


def problems(text: str, root: pathlib.Path = ROOT) -> list:
    """What is wrong with the promises of a text."""
    wrong, named = [], promises(text)
    if sorted(named) != list(range(1, len(named) + 1)):
        wrong.append(f"numbers are not 1 to {len(named)}: {sorted(named)}")
    for number, tests in named.items():
        if not tests:
            wrong.append(f"S{number} names no test")
        for path, name in tests:
            file = root / path
            if not file.is_file():
                wrong.append(f"S{number}: there is no file {path}")
            elif name not in defined_in(path, file.read_text()):
                wrong.append(f"S{number}: {path} has no test {name}")
    return wrong


def test_every_promise_names_tests_that_exist():
    assert len(promises(SEMANTICS)) >= 20
    assert problems(SEMANTICS) == []


@pytest.mark.parametrize(("change", "problem"), [
    (("`new_is_linearizable`", "`new_is_perfect`"), "main.rs has no test new_is_perfect"),
    (("explore/main.rs`", "explore/none.rs`"), "there is no file shared/core/tests/explore/none.rs"),
    (("### S2. ", "### S200. "), "numbers are not 1 to"),
    (("\nTests:\n", "\nNo tests:\n"), "S1 names no test"),
])
def test_the_check_sees(change, problem):
    assert any(problem in wrong for wrong in problems(SEMANTICS.replace(*change)))


def anchors(text: str) -> set:
    """The anchors of a document's headings, as repositories on the web make them."""
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_links_lead_to_files_and_headings(path):
    missing = []
    for link, anchor in re.findall(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)", path.read_text()):
        if "://" in link:
            continue
        file = path.parent / link if link else path
        if not file.exists() or (anchor and anchor not in anchors(file.read_text())):
            missing.append(f"{link}#{anchor}")
    assert missing == []


def test_the_runbook_names_errors_that_the_code_has():
    """Every error in the first column of a table is a text of the code or of a state machine."""
    runbook = (ROOT / "docs/RUNBOOK.md").read_text()
    names = {name for row in re.findall(r"^\| (`[A-Z].*?) \|", runbook, flags=re.MULTILINE) for name in re.findall(r"`(\w+)`", row)}
    assert {"InvalidPlan", "GateClosed", "TooEarly"} <= names
    sources = [*ROOT.glob("shared/*/src/**/*.rs"), *ROOT.glob("infra/*.json")]
    code = "\n".join(source.read_text() for source in sources)
    assert [name for name in sorted(names) if f'"{name}"' not in code] == []
