"""The demo. Exit code 0: everything acknowledged is where it belongs; 1: it is not, or something failed."""

import argparse
import sys
import time

from tests.demo import report
from tests.demo.show import Screen
from tests.demo.watch import Watch
from tests.harness import audit, deploy, items, service, steps
from tests.harness.traffic import Traffic
from tests.harness.world import World
from tests.local_aws.server import LocalAws

ITEMS, OBJECTS = 5200, 320
# Operations of the clients between two steps of the story.
BREATH = 150


def main() -> int:
    """Parse and run; the local AWS is stopped unless asked to stay."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--data", help="items to move instead of made ones: DynamoDB JSON, one a line")
    parser.add_argument("--key", help="key attributes of --data, hash,range")
    parser.add_argument("--keep", action="store_true", help="leave the local AWS with everything in it up")
    given = parser.parse_args()
    schema, data = items.read(given.data, given.key) if given.data else (items.ORDERS, items.generate(ITEMS))
    screen = Screen()
    aws = LocalAws(detached=given.keep)
    try:
        aws.start()
        world = World(aws.endpoint)
        screen.heading("An existing service in 111111111111, us-east-1")
        return story(world, screen, schema, data)
    except (RuntimeError, steps.Failed, TimeoutError) as error:
        screen.heading("The demo failed")
        screen.say(str(error))
        print(steps.logs(World(aws.endpoint)), f"--- the local AWS said last\n{aws.log_tail(15)}", sep="\n")
        return 1
    finally:
        keep(aws, screen) if given.keep else aws.stop()


def story(world, screen, schema, data: list) -> int:
    """The whole demonstration on an empty world."""
    existing = service.create(world, schema, data, OBJECTS)
    screen.say(f"{len(existing.items):,} items in table {world.source_table}, {len(existing.objects):,} objects in bucket {world.source_bucket}")
    deploy.deploy(world, existing)
    screen.say("livemove deployed at both sites: sam deploy of template.yaml")
    plan, certificates, parts = steps.plan(world), [], []
    steps.control(world, "preflight", plan=plan)
    with Traffic(world, existing) as traffic:
        watch = Watch(world, traffic, screen, len(existing.items), len(existing.objects))
        screen.say(f"{len(traffic.clients)} application clients at work: they read, create, update, count, delete and write on condition")
        breathe(traffic, watch)
        for machine, text in (
            ("migrate", "Migrate to 222222222222, eu-west-1"), ("rollback", "Roll back, under traffic"),
            ("migrate", "Migrate again"), ("complete", "Complete: the point of no return"),
        ):
            screen.heading(text)
            started = time.monotonic()
            steps.start(world, machine, plan if machine == "migrate" else {"migration": world.migration}).wait(watch)
            parts.append((machine, time.monotonic() - started))
            screen.say(f"{machine} succeeded in {parts[-1][1]:.1f} s")
            if machine != "complete":
                certificates += [subject["certificate"] for subject in steps.control(world, "status")["subjects"]]
            breathe(traffic, watch)
    screen.heading("Report")
    differences = {
        "what clients saw": traffic.violations(),
        f"table {world.target_table}": audit.table(world, traffic, "target", swept=True),
        f"bucket {world.target_bucket}": audit.bucket(world, traffic, "target"),
    }
    for line in report.write(world, traffic, certificates, watch.lag_ms, differences):
        print(line)
    return 1 if any(differences.values()) else 0


def breathe(traffic, watch) -> None:
    """Let the clients work for a while where everything is now."""
    goal, deadline = traffic.done() + BREATH, time.monotonic() + 60
    while traffic.done() < goal:
        if time.monotonic() > deadline:
            raise TimeoutError(f"clients do not get on: {traffic.errors().most_common(3)} {traffic.violations()[:3]}")
        watch()
        time.sleep(0.1)


def keep(aws, screen) -> None:
    """Say how to look at what is left up, and how to end it."""
    screen.heading("Left up, as asked")
    print(f"""  export AWS_ENDPOINT_URL={aws.endpoint} AWS_ACCESS_KEY_ID=111111111111 AWS_SECRET_ACCESS_KEY=local AWS_DEFAULT_REGION=us-east-1
  .venv/bin/aws lambda invoke --function-name livemove-orders-control \\
      --payload '{{"action":"status","migration":"orders"}}' /dev/stdout
  .venv/bin/aws dynamodb scan --table-name livemove-orders-control --max-items 20
  (AWS_ACCESS_KEY_ID=222222222222 AWS_DEFAULT_REGION=eu-west-1 is the new place)
  log: {aws.log}
  end it: kill {aws.process.pid if aws.process else ""}""")


if __name__ == "__main__":
    sys.exit(main())
