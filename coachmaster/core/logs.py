import logging


class OneLineFilter(logging.Filter):
    """Keep refused requests to one line, without a traceback."""

    def filter(self, record):
        status = getattr(record, "status_code", 500)
        if status < 500:
            record.exc_info = None
        # The module of outages, or of health, has logged the reason.
        return status != 503
