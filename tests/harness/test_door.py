"""What an application may conclude from an error."""

import json
import threading

import pytest

from tests.harness import items
from tests.harness.door import ConditionFailed, DoneUnseen, Door, NotDone, Open, Refused, _sorted
from tests.harness.item_clients import ItemClient
from tests.harness.world import World


def cancelled(*codes) -> dict:
    return {"errorType": "TransactionCanceledException", "errorMessage": json.dumps({"CancellationReasons": [{"Code": code} for code in codes]})}


@pytest.mark.parametrize("body, kind", [
    ({"errorType": "Throttled"}, NotDone), ({"errorType": "Conflict"}, NotDone), ({"errorType": "OutcomeUnknown"}, Open),
    ({"errorType": "Runtime.ExitError"}, Open), ({"errorType": "AccessDenied"}, Refused), ({"errorType": "OldValuesLost"}, DoneUnseen),
    ({"errorType": "ConditionalCheckFailedException", "errorMessage": "{}"}, ConditionFailed),
    (cancelled("None", "TransactionConflict"), NotDone), (cancelled("ThrottlingError", "None"), NotDone),
    (cancelled("ConditionalCheckFailed", "TransactionConflict"), Refused), (cancelled("None"), Refused),
    ({"errorType": "TransactionCanceledException", "errorMessage": "no JSON"}, Refused),
])
def test_errors_are_sorted_by_what_they_allow_to_conclude(body, kind):
    assert isinstance(_sorted(body), kind)


def test_a_call_that_nobody_was_there_to_take_was_not_done():
    with pytest.raises(NotDone):
        Door(World("http://127.0.0.1:9")).write("PutItem", {})


class OldValuesAreLost:
    """A door whose every write is done, and answered without what was there before."""

    def write(self, operation: str, request: dict) -> dict:
        """Done."""
        raise DoneUnseen("OldValuesLost: done")


@pytest.fixture
def client():
    one = ItemClient(World("http://127.0.0.1:9"), items.ORDERS, 0, [{"pk": {"S": "a"}, "sk": {"N": "1"}}], [], [], threading.Event())
    one._door = OldValuesAreLost()
    one._keys = dict(list(one._keys.items())[:1])
    return one


def test_what_was_done_unseen_must_be_there_from_then_on(client):
    (name,) = client._keys
    client._delete_item()
    assert client.book.values[name] is None and not client.book.clouded and not client.book.violations
    client._expect(name, {"pk": {"S": "a"}, "sk": {"N": "1"}}, "a read")
    assert "last acknowledged was None" in client.book.violations[0]


def test_who_asks_for_no_old_values_is_not_told_that_they_are_lost(client):
    client._replace()
    assert "asks for nothing that was before" in client.book.violations[0]
