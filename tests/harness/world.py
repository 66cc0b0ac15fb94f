"""Where everything is: the two sites, the names, and clients for them."""

import dataclasses
import functools
import threading

import boto3
from botocore.config import Config

# No retries behind our back: an operation that is done twice must be seen to be.
CALLS = Config(retries={"total_max_attempts": 1}, max_pool_connections=64, connect_timeout=5, read_timeout=120,
               s3={"addressing_style": "path"})
_creating = threading.Lock()


@dataclasses.dataclass(frozen=True)
class Site:
    """An account and a Region."""

    account: str
    region: str


@dataclasses.dataclass(frozen=True)
class World:
    """One migration on one local AWS."""

    endpoint: str
    migration: str = "orders"
    source: Site = Site("111111111111", "us-east-1")
    target: Site = Site("222222222222", "eu-west-1")
    source_table: str = "orders"
    target_table: str = "orders-new"
    source_bucket: str = "orders-files"
    target_bucket: str = "orders-files-new"

    def site(self, side: str) -> Site:
        """The site of `source` or `target`."""
        return self.source if side == "source" else self.target

    def table(self, side: str) -> str:
        """The table's name on that side."""
        return self.source_table if side == "source" else self.target_table

    def bucket(self, side: str) -> str:
        """The bucket's name on that side."""
        return self.source_bucket if side == "source" else self.target_bucket

    def client(self, service: str, side: str = "source"):
        """A boto3 client as the root of that side's account; clients are shared between threads."""
        with _creating:
            return _client(self.endpoint, service, self.site(side))

    def function(self, name: str) -> str:
        """The deployed name of a function, for example `writer`."""
        return f"livemove-{self.migration}-{name}"


@functools.lru_cache(maxsize=None)
def _client(endpoint: str, service: str, site: Site):
    return boto3.client(service, endpoint_url=endpoint, region_name=site.region, config=CALLS,
                        aws_access_key_id=site.account, aws_secret_access_key="local")
