"""What the benchmark measures once, under a load that is not fair: ``--mode NAME``."""
