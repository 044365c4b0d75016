"""Types that the corridor carries. Values only: no behaviour, no I/O."""
