"""Run before a program in one file: what it starts (a pager, prismd) gets the system's libraries.

The bundle is found through ``LD_LIBRARY_PATH``, which its own process has read already.
"""

import os

before = os.environ.pop("LD_LIBRARY_PATH_ORIG", None)
os.environ.pop("LD_LIBRARY_PATH", None)
if before is not None:
    os.environ["LD_LIBRARY_PATH"] = before
