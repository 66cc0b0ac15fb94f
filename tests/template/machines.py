"""Reading state machines, and what makes one well-formed."""

import json
import re

from .cfn import ROOT, of_type

RESERVED = re.compile(r"\$\{([A-Za-z]+)}")


def machines() -> dict:
    """The deployed machines by logical name: their definitions, each substitution replaced by its name."""
    found = {}
    for name, one in of_type("Serverless::StateMachine").items():
        text = (ROOT / one["Properties"]["DefinitionUri"]).read_text()
        given = one["Properties"]["DefinitionSubstitutions"]
        found[name] = json.loads(RESERVED.sub(lambda match: substituted(given, match[1]), text))
    return found


def substituted(given: dict, name: str) -> str:
    """What stands for `${name}`: the text itself, or the name of what it refers to."""
    value = given[name]
    return value if isinstance(value, str) else name


def scopes(machine: dict):
    """The machine and the machines within its maps."""
    yield machine
    for state in machine["States"].values():
        if state["Type"] == "Map":
            yield from scopes(state["ItemProcessor"])


def states(machine: dict):
    """Pairs of name and state, those within maps too."""
    for scope in scopes(machine):
        yield from scope["States"].items()


def successors(state: dict) -> list:
    """Where a state may lead."""
    nexts = [state.get("Next"), state.get("Default")]
    nexts += [catch["Next"] for catch in state.get("Catch", [])]
    nexts += [choice["Next"] for choice in state.get("Choices", [])]
    return [name for name in nexts if name is not None]


def problems(machine: dict) -> list:
    """What is wrong with a machine; nothing when it is well-formed."""
    found = []
    for scope in scopes(machine):
        known, reached, ahead = scope["States"], set(), [scope["StartAt"]]
        while ahead:
            name = ahead.pop()
            if name not in known:
                found.append(f"{name} does not exist")
            elif name not in reached:
                reached.add(name)
                ahead += successors(known[name])
        found += [f"{name} is not reached" for name in known if name not in reached]
        for name, state in known.items():
            found += state_problems(name, state)
    return found


def state_problems(name: str, state: dict) -> list:
    """What is wrong with one state."""
    found = []
    if not state.get("Comment"):
        found.append(f"{name} does not say what it is for")
    ends = state["Type"] in ("Succeed", "Fail") or state.get("End") is True
    if not ends and not successors(state):
        found.append(f"{name} leads nowhere")
    if state["Type"] == "Choice" and "Default" not in state:
        found.append(f"{name} has no default")
    if state["Type"] in ("Task", "Map"):
        # Within a map each segment retries by itself.
        found += [f"{name} has no Retry"] if state["Type"] == "Task" and not state.get("Retry") else []
        found += [] if state.get("Catch") else [f"{name} has no Catch"]
        if "States.ALL" not in [error for catch in state.get("Catch", [])[-1:] for error in catch["ErrorEquals"]]:
            found.append(f"{name} does not catch everything")
        found += [f"{name} retries without bound" for retry in state.get("Retry", []) if "MaxAttempts" not in retry]
    if state["Type"] == "Task" and "TimeoutSeconds" not in state:
        found.append(f"{name} may run for ever")
    return found
