"""The settings of event source mappings and queues, from the properties of a template, with AWS's defaults.

Defaults and bounds: <https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-params.html>,
<https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-parameters.html>,
<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>.
"""

import copy
import dataclasses

from tests.template.cfn import RESOURCES, TEMPLATE

REPORTS = "ReportBatchItemFailures"
ENDLESS = -1


@dataclasses.dataclass(frozen=True)
class StreamMapping:
    """A mapping of a DynamoDB stream. Times in seconds; -1 is without end."""

    batch_size: int = 100
    window_s: int = 0
    parallelization: int = 1
    reports: bool = False
    bisects: bool = False
    retries: int = ENDLESS
    max_age_s: int = ENDLESS
    starting: str = "TRIM_HORIZON"


@dataclasses.dataclass(frozen=True)
class QueueMapping:
    """A mapping of a standard queue, with what the queue itself says. `concurrency` 0 is without bound."""

    batch_size: int = 10
    window_s: int = 0
    reports: bool = False
    concurrency: int = 0
    visibility_s: int = 30
    max_receives: int = 0


def stream(name: str, **parameters) -> StreamMapping:
    """The stream mapping of that logical name in template.yaml. `parameters` replace defaults of its parameters.

    Raises ValueError for a setting that AWS would refuse or that is not known here.
    """
    given = _properties(name, "AWS::Lambda::EventSourceMapping", parameters)
    # Which stream and function, and where discards go, is wiring: see tests/template/test_wiring.py.
    for wiring in ("FunctionName", "EventSourceArn", "Enabled", "DestinationConfig"):
        given.pop(wiring, None)
    mapping = StreamMapping(
        batch_size=_within(given, "BatchSize", 100, 1, 10_000),
        window_s=_within(given, "MaximumBatchingWindowInSeconds", 0, 0, 300),
        parallelization=_within(given, "ParallelizationFactor", 1, 1, 10),
        reports=REPORTS in given.pop("FunctionResponseTypes", []),
        bisects=given.pop("BisectBatchOnFunctionError", False),
        retries=_within(given, "MaximumRetryAttempts", ENDLESS, ENDLESS, 10_000),
        max_age_s=_within(given, "MaximumRecordAgeInSeconds", ENDLESS, ENDLESS, 604_800),
        starting=given.pop("StartingPosition"),
    )
    return _all_known(name, given, mapping)


def queue(name: str, queue_name: str, **parameters) -> QueueMapping:
    """The queue mapping of that logical name, and of its queue, in template.yaml; see `stream`."""
    given = _properties(name, "AWS::Lambda::EventSourceMapping", parameters)
    about = _properties(queue_name, "AWS::SQS::Queue", parameters)
    for wiring in ("FunctionName", "EventSourceArn", "Enabled"):
        given.pop(wiring, None)
    size = _within(given, "BatchSize", 10, 1, 10_000)
    window = _within(given, "MaximumBatchingWindowInSeconds", 0, 0, 300)
    if size > 10 and not window:
        raise ValueError(f"{name}: BatchSize {size} needs MaximumBatchingWindowInSeconds of 1 at least")
    mapping = QueueMapping(
        batch_size=size, window_s=window, reports=REPORTS in given.pop("FunctionResponseTypes", []),
        concurrency=_within(given.pop("ScalingConfig", {}), "MaximumConcurrency", 0, 2, 1000),
        visibility_s=_within(about, "VisibilityTimeout", 30, 0, 43_200),
        max_receives=_within(about.get("RedrivePolicy", {}), "maxReceiveCount", 0, 1, 1000),
    )
    return _all_known(name, given, mapping)


def _properties(name: str, kind: str, parameters: dict) -> dict:
    resource = RESOURCES[name]
    if resource["Type"] != kind:
        raise ValueError(f"{name} is a {resource['Type']}, not a {kind}")
    defaults = {key: one["Default"] for key, one in TEMPLATE["Parameters"].items() if "Default" in one}
    known = {**defaults, **parameters}

    def resolved(value):
        if isinstance(value, dict) and set(value) == {"Ref"} and value["Ref"] in known:
            return known[value["Ref"]]
        return value

    return {key: resolved(value) for key, value in copy.deepcopy(resource["Properties"]).items()}


def _within(given: dict, key: str, default: int, least: int, most: int) -> int:
    value = given.pop(key, None)
    if value is None:
        return default
    if not isinstance(value, int) or not least <= value <= most:
        raise ValueError(f"{key} is {value!r}; AWS takes {least} to {most}")
    return value


def _all_known(name: str, given: dict, mapping):
    if given:
        raise ValueError(f"{name}: this driver knows no {', '.join(sorted(given))}; teach it first")
    return mapping
