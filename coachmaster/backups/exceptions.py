"""What keeps a backup, a restore or a move from being done, said for the person at the shell."""

import errno


class Refused(Exception):
    """Nothing was changed; the sentence says why, and what to do."""


def of_os(error, path):
    """The refusal that an OSError about ``path`` stands for."""
    if error.errno == errno.ENOSPC:
        return Refused(
            f"The disk of {path} is full. Free some space, or name another place. Nothing was changed."
        )
    if isinstance(error, FileNotFoundError):
        return Refused(f"{path} does not exist. Check the name.")
    if isinstance(error, PermissionError):
        return Refused(f"You may not read or write {path}. Run this as its owner.")
    if isinstance(error, IsADirectoryError):
        return Refused(f"{path} is a folder. Name a file in it.")
    return Refused(f"{path}: {error.strerror or error}.")
