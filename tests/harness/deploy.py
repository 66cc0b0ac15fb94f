"""Deploys the real template, unchanged, with the real tool: `sam deploy`, one stack at each site."""

import os
import pathlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from tests.local_aws.server import ROOT, credentials, without_aws

FUNCTIONS = ("reader", "writer", "replicator", "copier", "backfill", "control")
EXTERNAL_ID = "agreed-between-both-sites"
# A crashed worker's segment is free again after this long; short, so that a restart is tested in time.
JOB_TIMEOUT_S = 30


def deploy(world, service) -> None:
    """Both stacks, at the same time: neither needs the other to be there.

    Raises RuntimeError with the tool's words when one fails, and names what is not built.
    """
    missing = [name for name in FUNCTIONS if not (ROOT / "target" / "lambda" / name / "bootstrap").exists()]
    if missing:
        raise RuntimeError(f"not built: {', '.join(missing)}; `make build` first")
    parameters = {
        "MigrationId": world.migration,
        "SourceAccount": world.source.account, "SourceRegion": world.source.region,
        "TargetAccount": world.target.account, "TargetRegion": world.target.region,
        "SourceTable": world.source_table, "SourceStreamArn": service.streams["source"],
        "TargetTable": world.target_table, "TargetStreamArn": service.streams["target"],
        "ExternalId": EXTERNAL_ID, "JobTimeoutSeconds": str(JOB_TIMEOUT_S),
        **({"SourceBucket": world.source_bucket, "TargetBucket": world.target_bucket} if service.objects else {}),
    }
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda side: _stack(world, side, parameters), ("source", "target")))


def _stack(world, side: str, parameters: dict) -> None:
    site, code = world.site(side), f"livemove-{world.migration}-code-{side}"
    place = {} if site.region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": site.region}}
    world.client("s3", side).create_bucket(Bucket=code, **place)
    overrides = [f"{name}={value}" for name, value in {**parameters, "Site": side.capitalize()}.items()]
    # The tool beside this Python: the pinned one.
    sam = pathlib.Path(sys.executable).with_name("sam")
    done = subprocess.run(
        [sam, "deploy", "--stack-name", f"livemove-{world.migration}", "--region", site.region, "--s3-bucket", code,
         "--capabilities", "CAPABILITY_NAMED_IAM", "--no-confirm-changeset", "--no-progressbar", "--parameter-overrides", *overrides],
        cwd=ROOT, capture_output=True, text=True, stdin=subprocess.DEVNULL,
        env={**without_aws(os.environ), **credentials(site.account, site.region), "AWS_ENDPOINT_URL": world.endpoint, "SAM_CLI_TELEMETRY": "0"},
    )
    if done.returncode:
        raise RuntimeError(f"sam deploy at the {side} site failed:\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}")
