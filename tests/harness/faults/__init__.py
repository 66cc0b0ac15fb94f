"""A proxy between the functions and their backends that makes calls fail as AWS makes them fail.

The local AWS never throttles, leaves nothing unprocessed and knows no conflicts, so whatever the product does
about them has to be provoked. The proxy stands where `AWS_ENDPOINT_URL` points to.

`control.Faults` starts one and tells it what to do → `rules` (which call fails, a pure function of a seed) →
`kinds` (what happens to it) → `answers` (the bytes AWS would send) and `partial` (a part done, the rest reported).
`calls` reads what a request is, `http1` carries it, `journal` writes down what was done, `proxy` is the server,
`python -m tests.harness.faults` its process.
"""
