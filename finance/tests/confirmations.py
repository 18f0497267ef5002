from html.parser import HTMLParser


def confirm(client, page):
    """Press the button of a confirmation page; return the response, or ``page`` if it is none."""
    if page.context is None or "promise" not in page.context:
        return page
    reader = _HiddenInputs()
    reader.feed(page.content.decode())
    return client.post(page.request["PATH_INFO"], reader.values)


class _HiddenInputs(HTMLParser):
    """The hidden fields of the first form in the main part of a page."""

    def __init__(self):
        super().__init__()
        self.values, self._is_inside = {}, False

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag == "main":
            self._is_inside = True
        elif tag == "input" and self._is_inside and attrs.get("type") == "hidden":
            self.values.setdefault(attrs["name"], []).append(attrs.get("value") or "")

    def handle_endtag(self, tag):
        if tag in ("form", "main") and self.values:
            self._is_inside = False
