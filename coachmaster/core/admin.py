from functools import update_wrapper

from django.conf import settings
from django.contrib import admin
from django.contrib.admin.options import TO_FIELD_VAR
from django.contrib.admin.views.main import SEARCH_VAR
from django.contrib.admin.widgets import AutocompleteSelect
from django.contrib.auth import get_user_model
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import BadRequest, PermissionDenied
from django.core.paginator import Paginator
from django.db.models import CharField
from django.http import Http404, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.utils.functional import cached_property
from simple_history.admin import SimpleHistoryAdmin

from .form_fields import is_id


class BackOfficeSite(admin.AdminSite):
    """Django admin behind the sign-in page of the site."""

    site_header = "CoachMaster"
    site_title = "CoachMaster"
    index_title = "Back office"
    site_url = "/"

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        # It would delete rows without the checks of each row.
        self.disable_action("delete_selected")

    def admin_view(self, view, cacheable=False):
        guarded = super().admin_view(view, cacheable)

        def for_staff(request, *args, **kwargs):
            if request.user.is_authenticated and not self.has_permission(request):
                raise PermissionDenied
            model = getattr(getattr(view, "__self__", None), "model", None)
            ids = [*args, *filter(None, [kwargs.get("object_id")])]
            if model and not isinstance(model._meta.pk, CharField) and not all(map(is_id, ids)):
                raise Http404("There is no such row.")
            _check_parameters(request)
            return guarded(request, *args, **kwargs)

        return update_wrapper(for_staff, guarded)

    def login(self, request, extra_context=None):
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path(), settings.LOGIN_URL)
        if not self.has_permission(request):
            raise PermissionDenied
        return redirect("admin:index")

    def logout(self, request, extra_context=None):
        return redirect("accounts:logout", preserve_request=True)

    def password_change(self, request, extra_context=None):
        return redirect("accounts:password-change")


def _check_parameters(request):
    """Refuse names of fields, and numbers larger than the database has, that raise errors."""
    if "" in (*request.GET.getlist(TO_FIELD_VAR), *request.POST.getlist(TO_FIELD_VAR)):
        raise BadRequest("The address names no field.")
    filters = (values for name, values in request.GET.lists() if name != SEARCH_VAR)
    parts = (part for values in filters for value in values for part in value.split(","))
    if any(len(part) > 18 and part.isdigit() for part in parts):
        raise BadRequest("A number in the address is too large.")


class OfferedFiltersAdmin(admin.ModelAdmin):
    """Takes only filters that the list offers.

    Django takes each field of the table, so that passwords and keys of sessions could be guessed
    by `password__startswith` or `session__session_key__startswith`.
    """

    def lookup_allowed(self, lookup, value, request):
        filters = [*self.get_list_filter(request), self.date_hierarchy]
        offered = [one if isinstance(one, str) else one[0] for one in filters if one]
        is_offered = any(f"{lookup}__".startswith(f"{field}__") for field in offered)
        # Django refuses fields of related tables that are not offered.
        return is_offered and super().lookup_allowed(lookup, value, request)


class ReadOnlyAdmin(OfferedFiltersAdmin):
    def has_add_permission(self, request, obj=None):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        return False


class CappedPaginator(Paginator):
    """Paginator that does not count very long tables to the end."""

    MAX_COUNT = 10_000

    @cached_property
    def count(self):
        return self.object_list.order_by()[: self.MAX_COUNT].count()  # type: ignore[attr-defined]


class LargeTableAdmin(OfferedFiltersAdmin):
    """Table that grows with the students."""

    paginator = CappedPaginator
    show_full_result_count = False
    list_per_page = 50

    def get_search_results(self, request, queryset, search_term):
        path, _, field = (
            self.search_fields[0].rpartition("__") if self.search_fields else ("", "", "")
        )
        if not search_term or field != "search_text":
            return super().get_search_results(request, queryset, search_term)
        by_email = request.user.has_perm("accounts.view_user")
        people = get_user_model().objects.search(search_term, by_email=by_email).order_by()
        return queryset.filter(**{f"{path or 'pk'}__in": people.values("pk")}), False


class NoDeleteAdmin(OfferedFiltersAdmin):
    def has_delete_permission(self, request, obj=None):
        return False


class RowSelect(AutocompleteSelect):
    """Shows a form again whose value is no id; Django looks it up and raises ValueError."""

    def optgroups(self, name, value, attr=None):
        return super().optgroups(name, [key for key in value if is_id(key)], attr)


class HistoryAdmin(OfferedFiltersAdmin, SimpleHistoryAdmin):
    """Rows with a history to read; the package's own page could restore rows without checks."""

    object_history_list_template = "admin/_changes.html"

    def formfield_for_foreignkey(self, db_field, request, **kwargs):
        if db_field.name in self.get_autocomplete_fields(request):
            kwargs.setdefault("widget", RowSelect(db_field, self.admin_site))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def history_form_view(self, request, object_id, version_id, extra_context=None):
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        return super().history_form_view(request, object_id, version_id, extra_context)
