"""What Penstock measures of itself, for Prometheus."""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

claimed: Final = Counter("penstock_tasks_claimed_total", "Tasks claimed by this process.", ["type"])
ended: Final = Counter("penstock_task_runs_total", "Task runs that ended in this process.", ["type", "outcome"])
run_seconds: Final = Histogram(
    "penstock_task_run_seconds",
    "How long a task run took.",
    ["type"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800),
)
running: Final = Gauge("penstock_tasks_running", "Tasks that this process works on.")
leases_lost: Final = Counter("penstock_leases_lost_total", "Task runs that stopped because their lease was lost.")
rescued: Final = Counter("penstock_tasks_rescued_total", "Tasks taken back from runners that were lost.")
slot_repairs: Final = Counter("penstock_slot_repairs_total", "Slots whose promotion had been forgotten; should stay 0.")
loop_errors: Final = Counter("penstock_loop_errors_total", "Rounds of a background loop that failed.", ["loop"])
heartbeat_age: Final = Gauge("penstock_heartbeat_age_seconds", "Seconds since the last successful heartbeat.")
deliveries: Final = Counter("penstock_deliveries_total", "Messages to plugins that were tried.", ["outcome"])
events_stamped: Final = Counter("penstock_events_total", "Events that were given their position by this process.")
claim_seconds: Final = Histogram(
    "penstock_claim_seconds",
    "How long it took to ask for tasks, whether any were there or not.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5),
)
wait_seconds: Final = Histogram(
    "penstock_task_wait_seconds",
    "How long a task had been due when it was claimed: what it waited for places and runners.",
    ["type"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200),
)
target_connections: Final = Gauge(
    "penstock_target_connections", "Sessions on targets in which this process runs tasks.", ["engine"]
)
# Of the whole installation, as this process last saw it in the metadata database.
queue_tasks: Final = Gauge(
    "penstock_queue_tasks",
    "Tasks of the whole installation: claimable (could run now), ready (waiting for a place or a time), active.",
    ["state"],
)
queue_age: Final = Gauge("penstock_queue_age_seconds", "How long the oldest claimable task has been due.")
leases_expired: Final = Gauge(
    "penstock_leases_expired", "Active tasks whose lease is over; the reaper takes them back."
)
unknown_outcomes: Final = Gauge("penstock_unknown_outcomes", "Tasks of which nobody knows how they ended: settle them.")
drifts: Final = Gauge("penstock_drifts_open", "Databases that are not as they are expected to be: accept or ignore it.")
runners: Final = Gauge("penstock_runners", "Runners that gave a sign of life within a lease.")
outbox_events: Final = Gauge("penstock_outbox_events", "Committed events that wait for their position.")
outbox_lag: Final = Gauge("penstock_outbox_lag_seconds", "How long the oldest of them has waited.")
