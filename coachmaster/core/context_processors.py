from django.templatetags.static import static


def icons(request):
    return {"icons": static("icons.svg")}
