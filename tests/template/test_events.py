"""The examples of machine inputs can be pasted as they are."""

import json
import re

import pytest

from .cfn import ROOT, TEMPLATE

EVENTS = ROOT / "events"
PLANS = sorted(EVENTS.glob("plan-*.json"))
FIELDS = {"migration", "tables", "buckets", "approval", "timing", "writes_in_flight"}


@pytest.mark.parametrize("path", sorted(EVENTS.glob("*.json")), ids=lambda path: path.name)
def test_every_example_is_json(path):
    assert isinstance(json.loads(path.read_text()), dict)


def test_the_ways_to_use_it_have_a_plan():
    names = {path.name for path in PLANS}
    assert {"plan-cross-account.json", "plan-table.json", "plan-table-new-first.json", "plan-bucket.json"} <= names


@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.name)
def test_plans_name_both_ends_and_fit_the_template(path):
    plan = json.loads(path.read_text())
    assert set(plan) <= FIELDS
    assert plan["approval"] in ("automatic", "manual")
    moves = plan.get("tables", []) + plan.get("buckets", [])
    assert moves
    # A stack is wired to one table and one bucket.
    assert len(plan.get("tables", [])) <= 1 and len(plan.get("buckets", [])) <= 1
    for move in moves:
        word = "table" if move in plan.get("tables", []) else "bucket"
        assert set(move["source"]) == set(move["target"]) == {"account", "region", word}
        assert move["source"] != move["target"]
        assert set(move) <= {"source", "target", "segments"} | ({"entry"} if word == "table" else set())


@pytest.mark.parametrize("name", ["rollback.json", "complete.json"])
def test_the_other_machines_need_the_migration_alone(name):
    assert set(json.loads((EVENTS / name).read_text())) == {"migration"}


def test_migration_ids_are_those_of_the_template():
    pattern = re.compile(TEMPLATE["Parameters"]["MigrationId"]["AllowedPattern"])
    for path in PLANS:
        assert pattern.fullmatch(json.loads(path.read_text())["migration"])
