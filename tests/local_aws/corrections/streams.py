"""Event source mappings of DynamoDB streams, as AWS serves them.

MiniStack
- ignores `ReportBatchItemFailures` for streams: records that a function reports as failed are lost. AWS starts
  again at the first reported record, see
  <https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html>;
- calls the functions of all mappings, and hands out all queue batches, on one thread: a slow replicator stops
  every other mapping. On AWS each shard has its own.
Both are put right. Not corrected: retries are endless, a batch is never bisected, and the failure destination
is not used: those rules are tested with `tests/harness/event_source`, not here.
"""

import json
import time

PAUSE_AFTER_FAILURE_S = 0.2


def first_failed(response, records) -> int:
    """How many records of a batch are done: those before the first one that the function reports as failed.

    A reported item that is not in the batch fails the whole batch, as on AWS.
    """
    if isinstance(response, (str, bytes)):
        try:
            response = json.loads(response)
        except ValueError:
            return 0
    failures = response.get("batchItemFailures") if isinstance(response, dict) else None
    if not failures:
        return len(records)
    positions = {record["dynamodb"]["SequenceNumber"]: at for at, record in enumerate(records)}
    return min(positions.get((failure or {}).get("itemIdentifier"), 0) for failure in failures)


def correct() -> None:
    """Replace MiniStack's poller of DynamoDB streams by one that hands each mapping's batch to its own thread."""
    from ministack.services import lambda_svc

    def poll() -> bool:
        taken = False
        for account, region, mapping in lambda_svc._iter_all_esms():
            tokens = lambda_svc._request_account_id.set(account), lambda_svc._request_region.set(region)
            try:
                taken |= _take(lambda_svc, mapping)
            finally:
                lambda_svc._request_account_id.reset(tokens[0])
                lambda_svc._request_region.reset(tokens[1])
        return taken

    lambda_svc._poll_dynamodb_streams = poll


def _take(lambda_svc, mapping) -> bool:
    """Start one batch of a mapping, in account and Region of the caller's context. False: nothing to do."""
    from ministack.services import dynamodb

    uuid, source = mapping["UUID"], mapping.get("EventSourceArn", "")
    if not mapping.get("Enabled", True) or ":dynamodb:" not in source or lambda_svc._esm_inflight.get(uuid):
        return False
    if lambda_svc._esm_backoff_until.get(uuid, 0) > time.time():
        return False
    name = source.split("/stream/")[0].split("/")[-1]
    function, _ = lambda_svc._get_func_record_for_qualifier(mapping["FunctionName"], mapping.get("Qualifier"))
    table = dynamodb._tables.get(name)
    if function is None or not table or table.get("LatestStreamArn") != source:
        return False
    horizon = dynamodb.stream_start_position(name)
    with lambda_svc._dynamodb_stream_positions_lock:
        unknown = horizon if mapping.get("StartingPosition") == "TRIM_HORIZON" else dynamodb.stream_end_position(name)
        position = max(lambda_svc._dynamodb_stream_positions.get(uuid, unknown), horizon)
        lambda_svc._dynamodb_stream_positions[uuid] = position
    records = dynamodb.stream_records_since(name, position, mapping.get("BatchSize", 100))
    if not records:
        return False
    lambda_svc._dispatch_esm_batch(uuid, _run, lambda_svc, mapping, function, position, records)
    return True


def _run(lambda_svc, mapping, function, position, records) -> None:
    """Invoke the function with one batch and move the mapping's position past what is done."""
    uuid, done = mapping["UUID"], len(records)
    chosen = lambda_svc._apply_filter_criteria(records, mapping)
    if chosen:
        result = lambda_svc._execute_function(function, {"Records": chosen})
        if result.get("error"):
            done = 0
            lambda_svc.logger.warning("stream batch of %s failed: %s\n%s", mapping["FunctionName"], result.get("body"), result.get("log", ""))
        elif "ReportBatchItemFailures" in mapping.get("FunctionResponseTypes", []):
            count = first_failed(result.get("body"), chosen)
            done = len(records) if count == len(chosen) else records.index(chosen[count])
    if done < len(records):
        lambda_svc._esm_backoff_until[uuid] = time.time() + PAUSE_AFTER_FAILURE_S
    with lambda_svc._dynamodb_stream_positions_lock:
        lambda_svc._dynamodb_stream_positions[uuid] = position + done
    # Last: who reads it knows that the position is past the batch.
    mapping["LastProcessingResult"] = "OK" if done == len(records) else f"PROBLEM: {len(records) - done} records to do again"
