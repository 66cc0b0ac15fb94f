"""Reader and writer as an application sees them, with errors sorted by what the application may conclude."""

import json

from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError

# The product promises of these that nothing was done: the operation may simply be done again.
NOT_DONE = {
    "Throttled", "Unavailable", "Conflict", "StalePhase", "TooManyRequestsException",
    "ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded",
}
# Reasons of a cancelled transaction that are over soon.
PASSING = {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}
# The outcome is open: a lost answer, a function that ended in the middle.
OPEN = {"OutcomeUnknown", "InternalServerError", "Sandbox.Timedout", "Runtime.ExitError", "Runtime.HandlerError", "Runtime.Unknown"}


class NotDone(Exception):
    """Nothing happened; try again."""


class Open(Exception):
    """It may have happened, now or in a moment, or not."""


class DoneUnseen(Exception):
    """It was done, once; only what was there before is not known."""


class ConditionFailed(Exception):
    """The application's own condition does not hold; `item` is the stored one, where asked for."""

    def __init__(self, item):
        super().__init__("the condition does not hold")
        self.item = item


class Refused(Exception):
    """Anything else: not what an application of ours should ever see."""


class Door:
    """Calls the functions of one deployment."""

    def __init__(self, world):
        self._functions = world.client("lambda")
        self._reader, self._writer = world.function("reader"), world.function("writer")

    def read(self, operation: str, request: dict) -> dict:
        """A reader operation; the answer is DynamoDB's."""
        return self._call(self._reader, operation, request)

    def write(self, operation: str, request: dict) -> dict:
        """A writer operation; the answer is DynamoDB's."""
        return self._call(self._writer, operation, request)

    def _call(self, function: str, operation: str, request: dict) -> dict:
        payload = json.dumps({"operation": operation, "input": request}).encode()
        try:
            answer = self._functions.invoke(FunctionName=function, Payload=payload)
            body = json.loads(answer["Payload"].read())
        except ClientError as error:
            code = error.response["Error"]["Code"]
            raise (NotDone if code in NOT_DONE else Refused)(f"{code}: {error}") from error
        except EndpointConnectionError as error:
            # Nobody was there to take it.
            raise NotDone(f"{type(error).__name__}: {error}") from error
        except (BotoCoreError, ValueError) as error:
            raise Open(f"{type(error).__name__}: {error}") from error
        if "FunctionError" in answer:
            raise _sorted(body)
        return body


def _passing(message: str) -> bool:
    try:
        codes = {reason["Code"] for reason in json.loads(message)["CancellationReasons"]} - {"None"}
    except (ValueError, KeyError):
        return False
    return bool(codes) and codes <= PASSING


def _sorted(body: dict) -> Exception:
    name, message = body.get("errorType", ""), body.get("errorMessage", "")
    if name == "ConditionalCheckFailedException":
        try:
            return ConditionFailed(json.loads(message).get("Item"))
        except ValueError:
            return Refused(f"{name} without DynamoDB's JSON: {message}")
    # A cancellation whose every reason is a passing one: nothing of the transaction was done.
    if name == "TransactionCanceledException" and _passing(message):
        return NotDone(f"{name}: {message}")
    if name in NOT_DONE:
        return NotDone(f"{name}: {message}")
    if name == "OldValuesLost":
        return DoneUnseen(f"{name}: {message}")
    if name in OPEN:
        return Open(f"{name}: {message}")
    return Refused(f"{name}: {message}")
