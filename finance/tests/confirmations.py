def confirm(client, page):
    """Press the button of a confirmation page; return the response, or ``page`` if it is none."""
    if page.context is None or "promise" not in page.context:
        return page
    fields = page.context["form"].hidden_fields()
    sent = {field.html_name: field.value() for field in fields if field.value() is not None}
    return client.post(page.request["PATH_INFO"], sent)
