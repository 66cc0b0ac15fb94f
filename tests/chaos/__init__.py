"""Migrations forth and back for as long as one likes, while calls fail, functions are killed, records and events come
again, executions are stopped and the local AWS is restarted; at the end nothing may be lost and nothing done twice.

`python -m tests.chaos --seed N --minutes M` → `story` (the runs) → `mischief` (what happens to them, and when) →
`kill`, `again` (killing, delivering again) → `report` (figures and verdict).

All choices come from the seed; threads and processes decide what they meet. The fault proxy's journal says what was
done to calls, and can be done again (`tests.harness.faults.control.replay`); the lines of the run say the rest.
"""
