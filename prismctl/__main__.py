"""Run the command line as ``python -m prismctl``."""

from prismctl.main import main

raise SystemExit(main())
