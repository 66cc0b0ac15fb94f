"""DynamoDB JSON as the functions speak it (binary as base64 text), boto3's form of it, and a form to compare.

Numbers are text everywhere: nothing here converts one.
"""

import base64

RESERVED = "_lm_"


def to_boto(value: dict) -> dict:
    """One attribute value from the wire's form to boto3's: binary as bytes."""
    return _map(value, base64.b64decode)


def from_boto(value: dict) -> dict:
    """One attribute value from boto3's form to the wire's: binary as base64 text."""
    return _map(value, lambda data: base64.b64encode(bytes(data)).decode())


def _map(value: dict, binary) -> dict:
    (kind, content), = value.items()
    if kind == "B":
        return {kind: binary(content)}
    if kind == "BS":
        return {kind: [binary(one) for one in content]}
    if kind == "L":
        return {kind: [_map(one, binary) for one in content]}
    if kind == "M":
        return {kind: {name: _map(one, binary) for name, one in content.items()}}
    return value


def item_to_boto(item: dict) -> dict:
    """A whole item, see `to_boto`."""
    return {name: to_boto(value) for name, value in item.items()}


def item_from_boto(item: dict) -> dict:
    """A whole item, see `from_boto`."""
    return {name: from_boto(value) for name, value in item.items()}


def canonical(value: dict) -> dict:
    """The value with its sets in one order; two values are the same if and only if these are equal."""
    (kind, content), = value.items()
    if kind in ("SS", "NS", "BS"):
        return {kind: sorted(content)}
    if kind == "L":
        return {kind: [canonical(one) for one in content]}
    if kind == "M":
        return {kind: {name: canonical(one) for name, one in content.items()}}
    return value


def canonical_item(item: dict | None) -> dict | None:
    """A whole item, see `canonical`; no item stays no item."""
    return None if item is None else {name: canonical(value) for name, value in item.items()}


def visible(item: dict) -> dict | None:
    """What an application may see of a stored item: no marks; nothing of a tombstone, stub or canary.

    The rules are those of the product's documentation, written again here so that an error there shows.
    """
    if item.get("_lm_t") == {"BOOL": True} or "_lm_c" in item:
        return None
    return {name: value for name, value in item.items() if not name.startswith(RESERVED)}


def marks(item: dict) -> list[str]:
    """The reserved attributes that the item carries."""
    return sorted(name for name in item if name.startswith(RESERVED))
