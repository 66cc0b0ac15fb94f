"""What demo and end-to-end tests share: an existing service, its applications, the deployment, and the audit.

`world` (where everything is) → `items`, `objects` (the data of the service) → `service` (create and load it)
→ `deploy` (the product beside it) → `door`, `book`, `item_clients`, `object_clients`, `transfer_clients`, `traffic` (applications
that never stop), or `gateway`, `shops` (unmodified SDKs through the gateway) → `steps` (state machines) → `audit` (did every acknowledged write end where it belongs).
In place of the local AWS's own event sources: `event_source` (Lambda's rules for streams and queues) over `runtime` (execution environments).
`faults` stands between functions and backends and makes calls fail.
"""
