"""Every figure that the README quotes has a command here; `python -m benchmarks` runs them all."""
