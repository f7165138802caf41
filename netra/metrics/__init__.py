"""What Prometheus reads of a process; the names stand in docs/metrics.md."""
