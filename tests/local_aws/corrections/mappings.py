"""Event source mappings as Lambda answers them.

CloudFormation hands parameters on as text, and MiniStack answers what it was given: `"ParallelizationFactor": "2"`. AWS
answers numbers and booleans, see <https://docs.aws.amazon.com/lambda/latest/api/API_EventSourceMappingConfiguration.html>,
and an SDK that reads by type refuses the whole answer otherwise.
"""

NUMBERS = ("BatchSize", "MaximumBatchingWindowInSeconds", "MaximumRetryAttempts", "MaximumRecordAgeInSeconds",
           "ParallelizationFactor", "TumblingWindowInSeconds")
BOOLEANS = ("BisectBatchOnFunctionError",)


def typed(mapping: dict) -> dict:
    """The mapping with its figures as numbers and booleans."""
    found = dict(mapping)
    for name in NUMBERS:
        if isinstance(found.get(name), str):
            found[name] = int(found[name])
    for name in BOOLEANS:
        if isinstance(found.get(name), str):
            found[name] = found[name].lower() == "true"
    if isinstance(found.get("ScalingConfig"), dict):
        found["ScalingConfig"] = {name: int(value) for name, value in found["ScalingConfig"].items()}
    return found


def correct() -> None:
    """Wrap what makes the answer of a mapping."""
    from ministack.services import lambda_svc

    answer = lambda_svc._esm_response
    lambda_svc._esm_response = lambda mapping: typed(answer(mapping))
