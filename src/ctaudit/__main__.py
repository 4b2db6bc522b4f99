"""``python -m ctaudit``."""

from ctaudit.cli import main

raise SystemExit(main())
