"""What a function's answer says is done, where its mapping has ReportBatchItemFailures.

Without that, any answer is success:
<https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html>.
"""

import json


def stream_done(answer: str, sequences: list) -> int | None:
    """How many records of a stream's batch are done: those before the lowest reported sequence number. None is
    complete failure.

    <https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html>: nothing, null, an empty
    object and an empty or null list are complete success; an identifier that is empty, null or under another name is
    complete failure; of several the lowest is the checkpoint, from which all is tried again. The page says nothing of
    an answer that is no JSON, a list that is no list and a number that was not delivered: complete failure here, for
    all but success is failure by default.
    """
    reported = _reported(answer)
    positions = {sequence: at for at, sequence in enumerate(sequences)}
    if reported is None or not set(reported) <= set(positions):
        return None
    return min((positions[name] for name in reported), default=len(sequences))


def queue_failed(answer: str, messages: list) -> set:
    """Which messages of a queue's batch are not done: the reported ones, all others are deleted.

    <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>: success as above; complete failure
    also where the answer is no JSON or names a message that was not delivered.
    """
    reported = _reported(answer)
    if reported is None or not set(reported) <= set(messages):
        return set(messages)
    return set(reported)


def _reported(answer: str) -> list | None:
    """The identifiers in an answer; None if it is a complete failure."""
    if not answer.strip():
        return []
    try:
        answer = json.loads(answer)
    except ValueError:
        return None
    if not answer:
        return []
    failures = answer.get("batchItemFailures") if isinstance(answer, dict) else False
    if failures is None:
        return []
    if not isinstance(failures, list):
        return None
    names = [failure.get("itemIdentifier") if isinstance(failure, dict) else None for failure in failures]
    return names if all(isinstance(name, str) and name for name in names) else None
