"""What PartiQL statements are allowed by, as AWS decides it.

MiniStack asks a policy for `dynamodb:BatchExecuteStatement`, which is no action of IAM. AWS asks for
`dynamodb:PartiQLInsert`, `PartiQLUpdate`, `PartiQLDelete` or `PartiQLSelect` on the table of each statement, see
<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ql-iam.html>.
"""

import json
import re

STATEMENT = re.compile(r'\s*(INSERT\s+INTO|UPDATE|DELETE\s+FROM|SELECT\b.*?\bFROM)\s+"?([A-Za-z0-9_.-]+)"?', re.IGNORECASE | re.DOTALL)


def correct() -> None:
    """Teach the place that takes transactions apart to take statements apart as well."""
    from ministack.core import iam_actions

    transaction_checks = iam_actions.dynamodb_transaction_checks

    def checks(action, body, region, account):
        if action not in ("dynamodb:ExecuteStatement", "dynamodb:BatchExecuteStatement"):
            return transaction_checks(action, body, region, account)
        return [(f"dynamodb:PartiQL{verb}", iam_actions._dynamodb_table_arn(table, region, account))
                for verb, table in actions_of(body)]

    iam_actions.dynamodb_transaction_checks = checks


def actions_of(body: bytes) -> list:
    """Verb and table of each statement of a request; a statement that is not understood asks for what nobody has."""
    request = json.loads(body or b"{}")
    texts = [one.get("Statement", "") for one in request.get("Statements", [])] or [request.get("Statement", "")]
    found = [STATEMENT.match(text) for text in texts]
    return [(match[1].split()[0].capitalize(), match[2]) if match else ("Unknown", "unknown") for match in found]
