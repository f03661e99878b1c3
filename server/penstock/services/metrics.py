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
events_stamped: Final = Counter("penstock_events_total", "Events that were given their position by this process.")
