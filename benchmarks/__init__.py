"""The benchmarks: one command for every figure that the README quotes. `python -m benchmarks` runs all of them."""
