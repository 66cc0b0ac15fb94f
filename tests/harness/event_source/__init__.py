"""A driver of event sources: feeds functions from DynamoDB streams and SQS queues by Lambda's documented rules.

The local AWS delivers by lenient rules of its own, so what functions do under failure is tested with this. Each rule
is in a module of its own that names its source:

- `mapping`: the settings of an event source mapping, read from template.yaml, with AWS's defaults;
- `batches`: how many records an invocation gets; `responses`: what an answer says is done;
- `lane`: one sequence of batches in order: retries, bisecting, age, giving up; `destination`: what is told of it;
- `shards`: parents before children, splits and the trim horizon; `dynamodb`: the stream of a table, read by its API;
- `stream`: shards and lanes together, by themselves or step by step;
- `queue`: a standard queue; `poller`: feeds a function from one;
- `chance`: one seed decides all that goes wrong.

What Lambda does and its pages do not say is decided here for the worse of what they allow; `docs/TESTING.md` lists it.
"""
