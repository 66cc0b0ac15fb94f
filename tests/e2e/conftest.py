"""One local AWS and one deployment serve all tests of a module; what went wrong is shown with the functions' logs."""

import pytest

from tests.harness import deploy, items, service, steps
from tests.harness.world import World
from tests.local_aws.server import LocalAws

# Its assertions say what they compared, too.
pytest.register_assert_rewrite("tests.e2e.moves")


@pytest.fixture(scope="session")
def aws():
    """A local AWS that lets every role do everything."""
    with LocalAws() as server:
        yield server


@pytest.fixture(scope="session")
def strict_aws():
    """A local AWS that enforces the policies of the functions' roles."""
    with LocalAws(enforce_policies=True) as server:
        yield server


@pytest.fixture(scope="session")
def existing():
    """Makes an existing service and deploys livemove beside it: `existing(endpoint, migration, items, objects, indexes)`."""

    def make(endpoint: str, migration: str, count: int, objects: int, indexes: tuple = ()):
        world = World(endpoint, migration=migration, source_table=migration, target_table=f"{migration}-new",
                      source_bucket=f"{migration}-files", target_bucket=f"{migration}-files-new")
        made = service.create(world, items.ORDERS, items.generate(count, seed=len(migration)), objects, indexes)
        deploy.deploy(world, made)
        return world, made

    return make


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Add what the functions logged last to the report of a failed test."""
    report = yield
    world = next((value[0] for value in getattr(item, "funcargs", {}).values()
                  if isinstance(value, tuple) and value and isinstance(value[0], World)), None)
    if report.failed and world:
        report.sections.append(("logs of the functions", steps.logs(world)))
    return report
