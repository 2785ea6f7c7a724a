"""Errors that are the user's to mend: shown as one sentence, never as a stack trace."""

from __future__ import annotations


class UserError(Exception):
    """Something the user can put right.

    ``str(error)`` says what happened and where; ``hint`` says what to do next. The `tidemark` command prints
    both and exits with status 1.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint
