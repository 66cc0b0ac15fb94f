"""The items of the existing service: every DynamoDB type and the values that go wrong first, or one's own."""

import base64
import dataclasses
import json
import random

NUMBERS = [
    "0", "1", "-1", "12345678901234567890123456789012345678", "-99999999999999999999999999999999999999",
    "0.12345678901234567890123456789012345678", "9007199254740993", "-0.5",
    "1234567890123456789.0123456789012345678",
    # The range of DynamoDB's numbers, written out the way DynamoDB itself answers.
    "1" + "0" * 125, "0." + "0" * 129 + "1",
]
TEXTS = ["", " ", "plain", "Grüße, Jürgen", "日本語", "🚚📦", "line\nbreak\ttab", "\"quoted\" \\ back", "\u0000nul", "a" * 3000]
NAMES = ["name", "with space", "select", "a.b", "#hash", ":colon", "ключ", "list[0]", "_private", "n" * 200]
BYTES = [b"", b"\x00", bytes(range(256)), b"\xff\xfe\xfd", b"text"]


@dataclasses.dataclass(frozen=True)
class Schema:
    """Key attributes of a table with their types, hash key first."""

    attributes: tuple

    def key_of(self, item: dict) -> dict:
        """The key of an item."""
        return {name: item[name] for name, _ in self.attributes}

    def make(self, text: str) -> dict:
        """A key that no item of the data has: numbers and binaries are made from the text."""
        number = "7" + str(int.from_bytes(text.encode()[-10:], "big"))
        forms = {"S": text, "N": number, "B": base64.b64encode(text.encode()).decode()}
        return {name: {kind: forms[kind]} for name, kind in self.attributes}

    def id(self, item: dict) -> str:
        """The key as text, for dictionaries and messages."""
        return json.dumps([item[name] for name, _ in self.attributes], ensure_ascii=False)


ORDERS = Schema((("pk", "S"), ("sk", "N")))


def generate(count: int, seed: int = 1) -> list:
    """`count` items for the table `ORDERS`; the same seed makes the same items."""
    dice = random.Random(seed)
    return [_item(dice, number) for number in range(count)]


def read(path: str, key: str | None) -> tuple:
    """Schema and items of a file of DynamoDB JSON, one item a line, `{"Item": {...}}` or the item alone.

    `key` names the key attributes, hash key first, separated by a comma. Exits with the line that is wrong.
    """
    items = []
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                item = json.loads(line)
            except ValueError as error:
                raise SystemExit(f"{path}, line {number} is not JSON: {error}")
            item = item.get("Item", item)
            if not all(isinstance(value, dict) and len(value) == 1 for value in item.values()):
                raise SystemExit(f'{path}, line {number} is not DynamoDB JSON: every attribute looks like {{"S": "text"}}')
            items.append(item)
    if not items:
        raise SystemExit(f"{path} holds no item")
    names = [name.strip() for name in key.split(",")] if key else [name for name in ("pk", "sk") if name in items[0]]
    missing = next((n for n, item in enumerate(items, 1) if not names or any(name not in item for name in names)), None)
    if missing:
        raise SystemExit(f"item {missing} of {path} has no key {names}: name the key attributes, KEY=hash or KEY=hash,range")
    return Schema(tuple((name, next(iter(items[0][name]))) for name in names)), items


def _item(dice, number: int) -> dict:
    item = {"pk": {"S": f"order#{number % 997}"}, "sk": {"N": str(number)}, "number": {"N": str(number)}}
    for name in dice.sample(NAMES, dice.randint(1, 4)):
        item[name] = _value(dice, depth=0)
    if number % 500 == 0:
        item["large"] = {"S": "x" * 60_000}
    # Every item type by type, so that each value above is in the table whatever the dice say.
    item["text"] = {"S": TEXTS[number % len(TEXTS)]}
    item["exact"] = {"N": NUMBERS[number % len(NUMBERS)]}
    item["raw"] = {"B": _base64(BYTES[number % len(BYTES)])}
    return item


def _value(dice, depth: int) -> dict:
    kinds = ["S", "N", "B", "BOOL", "NULL", "SS", "NS", "BS"] + (["L", "M"] * 2 if depth < 3 else [])
    kind = dice.choice(kinds)
    some = dice.randint(0, 3)
    if kind == "S":
        return {kind: dice.choice(TEXTS)}
    if kind == "N":
        return {kind: dice.choice(NUMBERS)}
    if kind == "B":
        return {kind: _base64(dice.choice(BYTES))}
    if kind == "BOOL":
        return {kind: dice.random() < 0.5}
    if kind == "NULL":
        return {kind: True}
    if kind == "SS":
        return {kind: dice.sample(TEXTS[1:], some + 1)}
    if kind == "NS":
        return {kind: dice.sample(NUMBERS, some + 1)}
    if kind == "BS":
        return {kind: [_base64(data) for data in dice.sample(BYTES[1:], some + 1)]}
    if kind == "L":
        return {kind: [_value(dice, depth + 1) for _ in range(some)]}
    return {kind: {name: _value(dice, depth + 1) for name in dice.sample(NAMES, some)}}


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
