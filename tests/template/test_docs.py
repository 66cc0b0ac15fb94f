"""The documents speak of what there is: every promise names its tests, and every name, file and error exists."""

import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCS = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
SEMANTICS = (ROOT / "docs/SEMANTICS.md").read_text()
OPERATIONS = (ROOT / "docs/OPERATIONS.md").read_text()
MATRIX = ROOT / "shared/core/tests/matrix"
PHASES = ["old", "copy", "guarded", "handoff", "new", "final"]


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


def untested_faults(text: str) -> list:
    """What is wrong with the tables of faults: rows without tests, and tests that do not exist."""
    rows = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith(("| Fault", "| Failure", "| Limit", "| ---"))]
    wrong = [f"{row[:40]!r} names no test" for row in rows if "`: `" not in row]
    for path, name in re.findall(r"`([^`]+)`: `(\w+)`", text):
        file = ROOT / path
        if not file.is_file() or name not in defined_in(path, file.read_text()):
            wrong.append(f"{path} has no test {name}")
    return wrong


def test_every_fault_names_tests_that_exist():
    text = (ROOT / "docs/FAULTS.md").read_text()
    assert text.count("`: `") >= 50
    assert untested_faults(text) == []
    assert untested_faults(text.replace("a_page_that_is_not_durable_is_no_page", "none"))
    assert untested_faults("| Rain | nothing | |")


def test_every_limit_names_tests_that_exist():
    text = (ROOT / "docs/LIMITS.md").read_text()
    assert text.count("`: `") >= 25
    assert untested_faults(text) == []
    assert untested_faults(text.replace("a_single_item_always_fits", "none"))


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


def cells(text: str) -> dict:
    """The tests that `cells! { check; name: Phase of run, … }` makes: name to phase and run."""
    blocks = re.findall(r"^cells! \{\s*\w+;\n(.*?)^\}", text, flags=re.MULTILINE | re.DOTALL)
    rows = [row for block in blocks for row in re.findall(r"^ +(\w+): (\w+) of (\d),$", block, flags=re.MULTILINE)]
    assert sum(block.count(":") for block in blocks) == len(rows), "a cell that is not `name: Phase of run,`"
    return {name: (phase.lower(), int(run)) for name, phase, run in rows}


def matrices(text: str) -> list:
    """The tables of operation and phase: of each the rows, without its head, as lists of cells."""
    found = []
    for table in re.findall(r"^\| Operation \|.*\n(?:\|.*\n)+", text, flags=re.MULTILINE):
        head, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
        assert head == ["Operation", *(f"`{phase}`" for phase in PHASES)], head
        found.append(rows)
    return found


def holes(text: str, tests: dict) -> list:
    """What is wrong with the tables of a text, where `tests` has the phase and run of each test."""
    wrong, shown, tables = [], [], matrices(text)
    if len(tables) != 2 or [row[0] for row in tables[0]] != [row[0] for row in tables[1]]:
        return ["there are not two tables, for two runs, of the same operations"]
    for run, rows in enumerate(tables, start=1):
        for operation, *row in rows:
            stems = set()
            if len(row) != len(PHASES):
                wrong.append(f"{operation} has {len(row)} cells")
            for phase, cell in zip(PHASES, row):
                name = cell.strip("`")
                shown.append(name)
                where = f"{operation}, {phase} of run {run}"
                if not name:
                    wrong.append(f"{where}: the cell is empty")
                elif name not in tests:
                    wrong.append(f"{where}: there is no test {name}")
                elif tests[name] != (phase, run):
                    wrong.append(f"{where}: {name} tests {tests[name]}")
                stems.add(name.partition("_in_")[0])
            if len(stems) > 1:
                wrong.append(f"{operation} has tests of {sorted(stems)}")
    wrong += [f"{name} stands in {shown.count(name)} cells" for name in tests if shown.count(name) != 1]
    return wrong


def matrix_tests() -> dict:
    """All tests of the matrix; each is in the file of its operation."""
    tests, main = {}, (MATRIX / "main.rs").read_text()
    for file in sorted(MATRIX.glob("*.rs")):
        assert file.stem == "main" or f"\nmod {file.stem};\n" in main, f"{file.name} is not compiled"
        for name, at in cells(file.read_text()).items():
            phase, run = at
            suffix = "" if run == 1 else f"_of_run_{run}"
            assert name == f"{file.stem}_in_{phase}{suffix}", f"{file.name}: {name} tests {phase} of run {run}"
            assert name not in tests
            tests[name] = at
    return tests


def test_every_operation_has_a_test_in_every_phase():
    tests = matrix_tests()
    assert len(tests) == 2 * len(PHASES) * len(matrices(OPERATIONS)[0]) >= 132
    assert holes(OPERATIONS, tests) == []


@pytest.mark.parametrize(("change", "hole"), [
    (("`query_in_handoff`", "`query_in_handover`"), "there is no test query_in_handover"),
    (("`query_in_handoff`", ""), "`Query`, handoff of run 1: the cell is empty"),
    (("`query_in_handoff`", "`query_in_guarded`"), "query_in_guarded tests ('guarded', 1)"),
    (("`query_in_handoff`", "`scan_in_handoff`"), "`Query` has tests of ['query', 'scan']"),
    (("`query_in_new_of_run_2` |", ""), "`Query` has 5 cells"),
    (("| `Query` | `query_in_old_of_run_2`", "| `Q` | `query_in_old_of_run_2`"), "of the same operations"),
])
def test_the_check_of_the_tables_sees(change, hole):
    assert change[0] in OPERATIONS
    assert any(hole in wrong for wrong in holes(OPERATIONS.replace(*change), matrix_tests()))


def test_the_operations_name_refusals_that_the_code_has():
    """Every error in the first column of the table of refusals is a text of the code."""
    names = set(re.findall(r"^\| `([A-Z]\w+)` \|", OPERATIONS.partition("## What is refused")[2], flags=re.MULTILINE))
    assert {"PartiqlNotSupported", "SeveralMigratingTables", "TransactionAcrossPlaces", "MigrationTarget", "ExpressionTooLong"} <= names
    code = "\n".join(source.read_text() for source in ROOT.glob("shared/*/src/**/*.rs"))
    assert [name for name in sorted(names) if f'"{name}"' not in code] == []
