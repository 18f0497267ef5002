from django.db import transaction


def rehearse(service, **arguments):
    """Return what a service returns, and take back what it wrote. Raise its ValidationError."""
    with transaction.atomic():
        result = service(**arguments)
        transaction.set_rollback(True)
    return result
