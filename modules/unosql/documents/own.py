"""An id, timestamp or version that a user gives: the database sets these, and drops nothing without a word."""


def check_own(record, name, meta):
    """Raise ValueError unless a dict has all of meta as a database gives them: those of a record that was read."""
    for field in meta:
        n = record.get(field)
        if not isinstance(n, int) or isinstance(n, bool) or n < (field != "timestamp"):
            own = field if field in record else [other for other in meta if other in record][0]
            raise ValueError(
                "%s[%r]: the database sets id, timestamp and version itself; store it under another name, as own_%s"
                % (name, own, own)
            )
