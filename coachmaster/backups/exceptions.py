import errno


class BackupError(Exception):
    """A backup, restore, export or import failed; nothing was changed."""


def from_os_error(error, path):
    if error.errno == errno.ENOSPC:
        return BackupError(
            f"The disk of {path} is full. Free some space or choose another place. "
            "Nothing was changed."
        )
    if isinstance(error, FileNotFoundError):
        return BackupError(f"{path} does not exist. Check the name.")
    if isinstance(error, PermissionError):
        return BackupError(f"You cannot read or write {path}. Run this command as its owner.")
    if isinstance(error, IsADirectoryError):
        return BackupError(f"{path} is a folder. Name a file in it.")
    return BackupError(f"{path}: {error.strerror or error}.")
