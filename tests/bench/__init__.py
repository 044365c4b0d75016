"""The benchmark of the goal table: ``python -m tests.bench``; needs no compiler."""
