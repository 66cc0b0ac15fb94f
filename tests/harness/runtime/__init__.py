"""Lambda's execution environments on this machine, for real `bootstrap` programs and for all that can befall them.

- `api` is the Runtime API that a bootstrap asks for events.
- `environment` is one process with its API; it can be killed, cut off and left behind at a chosen moment.
- `relay` stands between a process and the local AWS and counts its calls: that is how a moment is chosen.
- `function` keeps environments warm and hands each invocation to one of them.

Sources: <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>,
<https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html>.
"""
