from django.templatetags.static import static


def icons(request):
    """`{{ icons }}`: the URL of the file of icons."""
    return {"icons": static("icons.svg")}
