"""Benchmarks: ours and what it is measured against, side by side in one run. `python -m bench [NAME…] [--quick]`."""
