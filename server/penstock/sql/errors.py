"""What can be wrong with a change's text before any server has seen it."""

from __future__ import annotations

from penstock.domain.errors import FieldError, ValidationFailed


class SplitError(ValidationFailed):
    """The text cannot be cut into statements.

    Args:
        message: what is wrong and what would be right.
        line, column: 1-based position of the place in the change's text, column in characters.
        code: ``nul_byte``, ``invalid_utf8``, ``unclosed_quote``, ``unclosed_comment``,
            ``unclosed_dollar_quote``, ``client_metacommand`` or ``copy_from_stdin``.
    """

    code = "split_error"

    def __init__(self, message: str, line: int, column: int, code: str) -> None:
        self.line = line
        self.column = column
        super().__init__(
            f"Line {line}, column {column}: {message}",
            errors=[FieldError("statement", message, code)],
            code=code,
            line=line,
            column=column,
        )
        self.reason = message
