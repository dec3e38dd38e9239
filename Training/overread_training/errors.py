"""What is wrong with what somebody gave us, said in one sentence."""

from __future__ import annotations

import sys
from collections.abc import Callable


class InputError(Exception):
    """Data, a configuration or a checkpoint that cannot be used; the text says which and what to do."""


def told(main: Callable[[], None]) -> None:
    """Runs a command; bad input ends it with its sentence and exit status 1, not with a traceback."""
    try:
        main()
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
