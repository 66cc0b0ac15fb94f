"""Where MiniStack 1.5.33 differs from AWS and our end-to-end tests would notice: corrected, in its process.

- `streams`: partial batch responses of stream mappings, and a thread for each mapping.
- `mappings`: figures of event source mappings are numbers in answers, as they were made by CloudFormation or not.
- `object_tags`: an object's tags go with the object that they were put with.
- `restart`: streams outlive a restart, as tables do.
- `stream_reads`: with policies enforced, reads of a stream are allowed by what AWS asks for.
- `partiql`: with policies enforced, PartiQL statements are allowed by the actions that AWS asks for.

Left as they are, because nothing of ours meets them: cross-account CopyObject (the copier streams GET to PUT),
EventBridge straight to a function (a queue stands between), asynchronous invocation under throttling,
`version-id` in S3 events.

Every correction leans on MiniStack's inside, so another version is refused until somebody has looked.
"""

import importlib.metadata

from tests.local_aws.corrections import mappings, object_tags, partiql, restart, stream_reads, streams

VERSION = "1.5.33"


def apply() -> None:
    """Correct the MiniStack that this process is about to run; refuses any version but the one looked at."""
    found = importlib.metadata.version("ministack")
    if found != VERSION:
        raise SystemExit(f"tests/local_aws/corrections knows ministack {VERSION}, found {found}: check each correction first")
    streams.correct()
    mappings.correct()
    stream_reads.correct()
    object_tags.correct()
    partiql.correct()
    restart.correct()
