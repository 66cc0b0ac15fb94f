"""What an application may conclude from an error."""

import json

import pytest

from tests.harness.door import ConditionFailed, Door, NotDone, Open, Refused, _sorted
from tests.harness.world import World


def cancelled(*codes) -> dict:
    return {"errorType": "TransactionCanceledException", "errorMessage": json.dumps({"CancellationReasons": [{"Code": code} for code in codes]})}


@pytest.mark.parametrize("body, kind", [
    ({"errorType": "Throttled"}, NotDone), ({"errorType": "Conflict"}, NotDone), ({"errorType": "OutcomeUnknown"}, Open),
    ({"errorType": "Runtime.ExitError"}, Open), ({"errorType": "AccessDenied"}, Refused),
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
