"""What runs by itself: the runner with its heartbeat, the scheduler, the reaper, the sequencer, and who supervises
them."""
