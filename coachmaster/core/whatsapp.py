"""Links that open WhatsApp with a text to a number; sending it is left to the person."""

from urllib.parse import quote


def whatsapp_number(phone):
    """A phone number as kept, as WhatsApp wants it: `919876543210`; "" when it is no mobile number."""
    if phone.startswith("+"):
        return phone[1:]
    return f"91{phone}" if len(phone) == 10 and phone[0] in "6789" else ""


def whatsapp_link(phone, text):
    """The link that opens a chat with ``phone`` and ``text`` typed in; "" when the number has no WhatsApp."""
    number = whatsapp_number(phone)
    return f"https://wa.me/{number}?text={quote(text, safe='')}" if number else ""
