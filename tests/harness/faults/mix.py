"""A little of every fault, as a run under bad conditions has it."""

from tests.harness.faults.rules import Rule

# How much of each kind there is, in parts: what only few calls can meet has more of them.
SHARES = {
    "throttled": 4, "over-capacity": 3, "over-account-limit": 1, "internal-error": 1, "internal-error-done": 2, "unavailable": 2,
    "expired": 1, "skewed": 1, "write-conflict": 4, "transaction-conflict": 20, "transaction-in-progress": 10, "unprocessed": 60,
    "error-in-200": 100, "slow": 3, "cut-before": 2, "cut-after": 3, "truncated": 1,
}
# Of a call that has a second to it, an answer that is late and one that is too late.
SLOW_S = 0.3


def everything(part: float, **conditions) -> list:
    """Rules for all kinds, each so often as its parts say, `part` being the rate of one; about thirty of them in all.

    No answer to HEAD says that credentials or clocks are the reason, neither on AWS nor here, so these do not happen to HEAD:
    nobody could tell them from a denial.
    """
    rules = []
    for kind, parts in SHARES.items():
        rate = min(1.0, part * parts)
        if kind in ("expired", "skewed"):
            rules += [Rule(kind, rate=rate, operations=operations, name=f"{kind} {operations[0]}", **conditions)
                      for operations in (("dynamodb:*", "sts:*"), ("s3:Get*", "s3:Put*", "s3:List*", "s3:*Upload*"))]
        else:
            rules.append(Rule(kind, rate=rate, seconds=SLOW_S, **conditions))
    return rules
