"""The header `User-Agent` in plain words. Browsers name others too, so the order counts."""

import re

BROWSERS = {
    "Edg": "Edge",
    "OPR/": "Opera",
    "SamsungBrowser": "Samsung Internet",
    "UCBrowser": "UC Browser",
    "Firefox": "Firefox",
    "FxiOS": "Firefox",
    "CriOS": "Chrome",
    "Chrome": "Chrome",
    "Safari": "Safari",
}
SYSTEMS = {
    "Android": "Android",
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Windows": "Windows",
    "CrOS": "Chromebook",
    "Macintosh": "Mac",
    "Linux": "Linux",
}
UNKNOWN = "Unknown device"


def describe(user_agent):
    """Return “Chrome on Android” for a browser, and the first word for another program."""
    browser, system = _first_in(user_agent, BROWSERS), _first_in(user_agent, SYSTEMS)
    if browser and system:
        return f"{browser} on {system}"
    name = re.match(r"[A-Za-z][\w.+-]{1,39}", user_agent)
    return browser or (name[0] if name else UNKNOWN)


def _first_in(user_agent, names):
    return next((name for mark, name in names.items() if mark in user_agent), "")
