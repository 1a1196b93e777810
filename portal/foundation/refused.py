"""Input that is refused: a page shows it beside the field, a command on stderr."""


class Refused(ValueError):
    """What was asked for cannot be done; the database stays as it was.

    Attributes:
        field: which input it is about, as the form and the option call it.
        message: for the person, says what to do.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message
