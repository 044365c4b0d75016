"""Run the daemon's command line as ``python -m prismd``."""

from prismd.main import main

raise SystemExit(main())
