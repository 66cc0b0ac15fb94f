"""The last assertion of every run: what is there is what was acknowledged, byte for byte.

Written against the stored data, without any function of the product between.
"""

from tests.harness import objects, service, wire

SHOWN = 300


def table(world, traffic, side: str, swept: bool) -> list:
    """Differences between that side's table and what the clients were told.

    `swept`: no reserved attribute may be left. Otherwise marks are looked through, as applications do.
    """
    schema, found, wrong = traffic.service.schema, {}, []
    for item in service.scan(world, side):
        if swept and wire.marks(item):
            wrong.append(f"{schema.id(item)}: marks left: {wire.marks(item)}")
        shown = wire.visible(item)
        if shown is not None:
            found[schema.id(item)] = wire.canonical_item(shown)
    expected = {name: wire.canonical_item(item) for name, item in traffic.service.items.items()}
    clouded = {}
    for client in traffic.items:
        expected.update(client.book.values)
        clouded.update(client.book.clouded)
    wrong += _counters(traffic, found) + _accounts(traffic, found)
    for name, candidates in clouded.items():
        expected.pop(name, None)
        seen = found.pop(name, None)
        if seen not in candidates:
            wrong.append(f"{name}: holds {_short(seen)}, none of the possible {_short(candidates)}")
    return wrong + _compare(expected, found)


def bucket(world, traffic, side: str) -> list:
    """Differences between that side's bucket and what the clients were told."""
    found = objects.snapshot(world.client("s3", side), world.bucket(side))
    expected, wrong = dict(traffic.service.objects), []
    for client in traffic.objects:
        expected.update(client.book.values)
        for key, candidates in client.book.clouded.items():
            expected.pop(key, None)
            seen = found.pop(key, None)
            if seen not in candidates:
                wrong.append(f"{key}: holds {_short(seen)}, none of the possible {_short(candidates)}")
    return wrong + _compare(expected, found)


def _counters(traffic, found: dict) -> list:
    wrong = []
    for key in traffic.counters:
        name = traffic.service.schema.id(key)
        item = found.pop(name, None)
        total = int(item["amount"]["N"]) if item else 0
        least = sum(client.counted[name] for client in traffic.items)
        most = least + sum(client.count_open[name] for client in traffic.items)
        if not least <= total <= most:
            what = "lost" if total < least else "done twice"
            wrong.append(f"counter {name}: {what}: is {total}, acknowledged were {least}" + (f" to {most}" if most > least else ""))
        if item and {attribute for attribute in item} != {*key, "amount"}:
            wrong.append(f"counter {name} has other attributes: {sorted(item)}")
    return wrong


def _accounts(traffic, found: dict) -> list:
    wrong = []
    for key in traffic.accounts:
        name = traffic.service.schema.id(key)
        item = found.pop(name, None)
        amount, told = int(item["amount"]["N"]) if item else 0, sum(client.moved[name] for client in traffic.transfers)
        if amount != told:
            wrong.append(f"account {name}: lost or done twice: is {amount}, transfers made it {told}")
        if item and set(item) != {*key, "amount"}:
            wrong.append(f"account {name} has other attributes: {sorted(item)}")
    return wrong


def _compare(expected: dict, found: dict) -> list:
    wrong = []
    for name in expected.keys() | found.keys():
        want, have = expected.get(name), found.get(name)
        if want == have:
            continue
        what = "resurrected" if want is None else "lost" if have is None else "differs"
        wrong.append(f"{name}: {what}: expected {_short(want)}, found {_short(have)}")
    return sorted(wrong)


def _short(value) -> str:
    text = repr(value)
    return text if len(text) < SHOWN else f"{text[:SHOWN]}…"
