"""The site of Django admin, and what all its pages have in common."""

from functools import update_wrapper

from django.conf import settings
from django.contrib import admin
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpResponseNotAllowed
from django.shortcuts import redirect
from simple_history.admin import SimpleHistoryAdmin


class BackOffice(admin.AdminSite):
    """Django admin without a sign-in of its own: throttle and rules of signing in stand in one place."""

    site_header = "CoachMaster"
    site_title = "CoachMaster"
    index_title = "Back office"
    site_url = "/"

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        # It would take rows away without asking the rules of each.
        self.disable_action("delete_selected")

    def admin_view(self, view, cacheable=False):
        guarded = super().admin_view(view, cacheable)

        def for_staff(request, *args, **kwargs):
            if request.user.is_authenticated and not self.has_permission(request):
                raise PermissionDenied
            return guarded(request, *args, **kwargs)

        return update_wrapper(for_staff, guarded)

    def login(self, request, extra_context=None):
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path(), settings.LOGIN_URL)
        if not self.has_permission(request):
            raise PermissionDenied
        return redirect("admin:index")

    def password_change(self, request, extra_context=None):
        return redirect("accounts:password-change")


class ReadOnlyAdmin(admin.ModelAdmin):
    """Rows to look up: what writes them are the acts of the site."""

    def has_add_permission(self, request, obj=None):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        return False


class NeverDeleted(admin.ModelAdmin):
    """Rows that may be added and corrected, but have history and stay."""

    def has_delete_permission(self, request, obj=None):
        return False


class HistoryAdmin(SimpleHistoryAdmin):
    """Rows whose history can be read. Django Simple History's own page would, on POST, put old values back for everybody
    who may look at them, past the rules of the record's form."""

    object_history_list_template = "admin/_changes.html"

    def history_form_view(self, request, object_id, version_id, extra_context=None):
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        return super().history_form_view(request, object_id, version_id, extra_context)
