"""What is written from the program itself: ``python -m tests.generate [--check]``.

Blocks of the READMEs, ``man/`` and ``completions/``. It is in no package that users get: it may
import both programs, and they get what it has written.
"""

DATE = "2026-11-26"
"""Of this version's manual pages. A page says when it was written; a check cannot ask a clock."""
