"""Reading template.yaml: its tags become the long forms of CloudFormation's functions."""

import itertools
import pathlib

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms."""


def _tag(loader: _Loader, suffix: str, node: yaml.Node):
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
        return {name: value.split(".") if suffix == "GetAtt" else value}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    return {name: loader.construct_mapping(node, deep=True)}


_Loader.add_multi_constructor("!", _tag)


def load(text: str) -> dict:
    """A template's text as plain dictionaries."""
    return yaml.load(text, Loader=_Loader)


TEMPLATE = load((ROOT / "template.yaml").read_text())
RESOURCES = TEMPLATE["Resources"]


def of_type(kind: str) -> dict:
    """The resources of a type, by logical name; `kind` without `AWS::`."""
    return {name: one for name, one in RESOURCES.items() if one["Type"] == f"AWS::{kind}"}


def branches(value) -> list:
    """Everything that a value can be, whichever way its conditions go; AWS::NoValue is nothing."""
    if value == {"Ref": "AWS::NoValue"}:
        return []
    if isinstance(value, dict) and set(value) == {"Fn::If"}:
        return list(itertools.chain.from_iterable(branches(branch) for branch in value["Fn::If"][1:]))
    return [value]


def listed(value) -> list:
    """The elements of a list or a lone value, whichever way its conditions go."""
    values = value if isinstance(value, list) else [value]
    return list(itertools.chain.from_iterable(branches(one) for one in values))


def target(value) -> str:
    """The logical name that a Ref, GetAtt or Sub of one attribute points at."""
    (function, argument), = value.items()
    if function == "Fn::Sub":
        return argument.removeprefix("${").removesuffix("}").split(".")[0]
    return argument[0] if function == "Fn::GetAtt" else argument


def statements(role: dict):
    """Pairs of policy name and statement of a role, whichever way its conditions go."""
    for policy in listed(role["Properties"].get("Policies", [])):
        for statement in listed(policy["PolicyDocument"]["Statement"]):
            yield policy["PolicyName"], statement
