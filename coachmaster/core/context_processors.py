"""What every page's template can use beside its own context."""

from django.templatetags.static import static


def icons(request):
    """`{{ icons }}`: the address of the file of pictures, worked out once for the page."""
    return {"icons": static("icons.svg")}
