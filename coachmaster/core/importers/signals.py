from django.dispatch import Signal

#: Sent in the transaction of an import at a shell, with ``importer``, ``result`` and ``file_name``.
imported_at_shell = Signal()
