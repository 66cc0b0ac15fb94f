"""What a server that is restarted still has.

MiniStack stores tables and the positions of mappings, but not the records of their streams. After a restart, records
that were not delivered yet are gone, and new ones are counted from the beginning, below those positions: they are
never delivered. On AWS a stream keeps its records for 24 hours,
<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html>.
"""

import copy

PART = "livemove_streams"


def correct() -> None:
    """Store the streams' records with the tables, and bring them back."""
    from ministack.services import dynamodb

    get_state, load = dynamodb.get_state, dynamodb.load_persisted_state

    def get():
        return {**get_state(), PART: {"records": copy.deepcopy(dynamodb._stream_records), "trimmed": copy.deepcopy(dynamodb._stream_trimmed)}}

    def put(data):
        load(data)
        streams = (data or {}).get(PART)
        if streams:
            dynamodb._stream_records.update(streams["records"])
            dynamodb._stream_trimmed.update(streams["trimmed"])

    dynamodb.get_state, dynamodb.load_persisted_state = get, put
