"""People in Django admin. Roles, invitations and deactivation have pages on the site."""

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin
from django.contrib.auth.models import Group, Permission
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from coachmaster.core.admin import (
    HistoryAdmin,
    LargeTableAdmin,
    NoDeleteAdmin,
    OfferedFiltersAdmin,
    ReadOnlyAdmin,
)
from coachmaster.core.form_fields import SelectedRowsField
from coachmaster.core.logs import log_event
from coachmaster.core.text import clean_text

from .models import (
    AdmissionSeries,
    ApiToken,
    Attempts,
    CalendarLink,
    Device,
    Membership,
    SignInRules,
    StudentProfile,
    User,
)
from .roles import PERMISSIONS, assignable_roles
from .services import emails
from .services.devices import other_devices
from .views.confirmation import asks_again


def may_manage(user, pk):
    return User.objects.manageable_by(user).filter(pk=pk).exists()


class UserAdminForm(forms.ModelForm):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if "email" in self.fields:
            self.fields["email"].required = not self.instance.is_student


@admin.register(User)
class UserAdmin(HistoryAdmin, NoDeleteAdmin, LargeTableAdmin):
    form = UserAdminForm
    list_display = ["full_name", "role", "phone", "email", "is_active", "created_at"]
    list_filter = ["is_active", "groups"]
    search_fields = ["search_text"]
    ordering = ["full_name", "pk"]
    list_select_related = ["membership__group"]
    fields = [
        "full_name",
        "email",
        "phone",
        "role",
        "account_status",
        "is_superuser",
        "last_login",
        "created_at",
    ]
    readonly_fields = ["role", "account_status", "last_login", "created_at"]

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("membership__group")

    def get_fields(self, request, obj=None):
        return [name for name in self.fields if name != "is_superuser" or request.user.is_superuser]

    def add_view(self, request, form_url="", extra_context=None):
        if not self.has_add_permission(request):
            return super().add_view(request, form_url, extra_context)
        return redirect("accounts:person-create")

    @method_decorator(asks_again())
    def change_view(self, request, object_id, form_url="", extra_context=None):
        return super().change_view(request, object_id, form_url, extra_context)

    def has_change_permission(self, request, obj=None):
        """Exclude people with permissions that the user lacks."""
        allowed = super().has_change_permission(request, obj)
        return allowed and (obj is None or may_manage(request.user, obj.pk))

    def save_model(self, request, obj, form, change):
        super().save_model(request, obj, form, change)
        if changed := {"email", "is_superuser"} & set(form.changed_data):
            log_event("person changed", account=obj.pk, fields=",".join(sorted(changed)))
        if "is_superuser" in form.changed_data:
            other_devices(request, obj).sign_out()
            word = "now" if obj.is_superuser else "no longer"
            emails.notify_account_changed(obj, f"You are {word} a superuser.")
        if "email" in form.changed_data and form.initial["email"]:
            emails.notify_email_changed(obj, form.initial["email"])

    @admin.display(ordering="membership__group__name")
    def role(self, person):
        return person.role

    @admin.display(description="status")
    def account_status(self, person):
        status = "invited" if person.is_invited else "active" if person.is_active else "inactive"
        page = reverse("accounts:person-detail", args=[person.pk])
        link = '{} (<a href="{}">change role, invite, activate or deactivate</a>)'
        return format_html(link, status, page)


@admin.register(StudentProfile)
class StudentProfileAdmin(HistoryAdmin, NoDeleteAdmin, LargeTableAdmin):
    list_display = ["admission_number", "user", "guardian_name", "guardian_phone"]
    list_select_related = ["user"]
    search_fields = ["user__search_text"]
    ordering = ["-pk"]
    fields = [
        "user",
        "admission_number",
        "birth_on",
        "guardian_name",
        "guardian_phone",
        "guardian_email",
        "address",
        "state",
    ]
    readonly_fields = ["user"]

    def add_view(self, request, form_url="", extra_context=None):
        if not self.has_add_permission(request):
            return super().add_view(request, form_url, extra_context)
        return redirect("accounts:person-create")

    def has_change_permission(self, request, obj=None):
        """Ask for the permission of the site too, and exclude people with more permissions."""
        allowed = super().has_change_permission(request, obj) and request.user.has_perm(
            "accounts.change_user"
        )
        return allowed and (obj is None or may_manage(request.user, obj.pk))

    def save_model(self, request, obj, form, change):
        super().save_model(request, obj, form, change)
        obj.user.save(update_fields=["search_text"])


@admin.register(Membership)
class MembershipAdmin(HistoryAdmin, ReadOnlyAdmin, LargeTableAdmin):
    list_display = ["user", "group"]
    list_filter = ["group"]
    list_select_related = ["user", "group"]
    search_fields = ["user__search_text"]
    ordering = ["-pk"]


@admin.register(AdmissionSeries)
class AdmissionSeriesAdmin(ReadOnlyAdmin):
    list_display = ["year", "last_number"]


@admin.register(SignInRules)
class SignInRulesAdmin(HistoryAdmin, ReadOnlyAdmin):
    list_display = ["second_factor_required"]


@admin.register(Attempts)
class AttemptsAdmin(ReadOnlyAdmin):
    list_display = ["limit", "count", "ends_at"]
    list_filter = ["limit"]
    ordering = ["-ends_at"]


@admin.register(CalendarLink)
class CalendarLinkAdmin(ReadOnlyAdmin, LargeTableAdmin):
    list_display = ["user", "created_at"]
    list_select_related = ["user"]
    search_fields = ["user__search_text"]
    ordering = ["-created_at"]


class SignOutAdmin(ReadOnlyAdmin, LargeTableAdmin):
    """Deleting a row signs the person out, unless they have permissions that the user lacks."""

    list_select_related = ["user"]
    search_fields = ["user__search_text"]

    def has_delete_permission(self, request, obj=None):
        if not admin.ModelAdmin.has_delete_permission(self, request, obj):
            return False
        return obj is None or may_manage(request.user, obj.user_id)


@admin.register(ApiToken)
class ApiTokenAdmin(SignOutAdmin):
    list_display = ["user", "created_at", "expires_at"]
    ordering = ["-created_at", "-pk"]


@admin.register(Device)
class DeviceAdmin(SignOutAdmin):
    list_display = ["user", "description", "address", "first_used_at", "last_used_at"]
    fields = list_display
    ordering = ["-last_used_at", "-pk"]

    def delete_model(self, request, obj):
        Device.objects.filter(pk=obj.pk).sign_out()


admin.site.unregister(Group)
# Second factors have pages of the site, which ask for a confirmation.
for kind in (TOTPDevice, StaticDevice):
    admin.site.unregister(kind)


class RoleAdminForm(forms.ModelForm):
    def clean_name(self):
        name = clean_text(self.cleaned_data["name"])
        if Group.objects.filter(name__iexact=name).exclude(pk=self.instance.pk).exists():
            raise forms.ValidationError("Another role has this name.")
        return name


@admin.register(Group)
class RoleAdmin(OfferedFiltersAdmin, GroupAdmin):
    """Nobody gives a role a permission that they lack, nor changes a role that has one."""

    form = RoleAdminForm

    @method_decorator(asks_again())
    def changeform_view(self, request, object_id=None, form_url="", extra_context=None):
        return super().changeform_view(request, object_id, form_url, extra_context)

    def get_queryset(self, request):
        """Join the content types of the permissions, otherwise a query each."""
        return super().get_queryset(request).prefetch_related("permissions__content_type")

    def formfield_for_manytomany(self, db_field, request=None, **kwargs):
        kwargs.setdefault("form_class", SelectedRowsField)
        if db_field.name == "permissions" and not request.user.is_superuser:
            kwargs["queryset"] = Permission.objects.filter(group__user=request.user)
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def _is_fixed(self, request, group):
        """Return whether a role is built in, or has permissions that the user lacks."""
        if group is None:
            return False
        is_assignable = assignable_roles(request.user).filter(pk=group.pk).exists()
        return group.name in PERMISSIONS or not is_assignable

    def has_change_permission(self, request, obj=None):
        return super().has_change_permission(request, obj) and not self._is_fixed(request, obj)

    def has_delete_permission(self, request, obj=None):
        return super().has_delete_permission(request, obj) and not self._is_fixed(request, obj)
