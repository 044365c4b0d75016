"""What the doctor looks at, one file per subject. A check says what it found, and what to do."""
