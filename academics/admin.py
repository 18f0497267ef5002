from django import forms
from django.contrib import admin, messages
from django.utils.decorators import method_decorator

from academics.forms.batches import offered_choices
from academics.forms.institute import INSTITUTE_GROUPS, InstituteForm
from academics.services.batches import check_batch_change, check_removed_times
from academics.services.clashes import check_clashes, find_clashes
from academics.services.holidays import count_sheets_on, existing_sheets_message
from academics.services.institute import lock_and_check_settings, save_institute
from accounts.views.confirmation import asks_again
from coachmaster.core.admin import (
    HistoryAdmin,
    LargeTableAdmin,
    NoDeleteAdmin,
    OfferedFiltersAdmin,
    ReadOnlyAdmin,
)

from . import class_times
from .models import Batch, ClassChange, ClassTime, Course, Enrollment, Holiday, Institute, Logo


class InstituteAdminForm(InstituteForm):
    """Checked under a lock, which the transaction of Django admin holds until the save."""

    def clean(self):
        cleaned = super().clean()
        if not self.errors:
            wanted = Institute(several_batches_at_once=cleaned["several_batches_at_once"])
            lock_and_check_settings(wanted)
        return cleaned


@admin.register(Institute)
class InstituteAdmin(HistoryAdmin, NoDeleteAdmin):
    form = InstituteAdminForm
    fieldsets = [(heading, {"fields": names}) for heading, names in INSTITUTE_GROUPS.items()]
    list_display = ["name", "phone", "several_batches_at_once"]
    history_list_display = ["name", "several_batches_at_once"]

    def has_add_permission(self, request):
        return False

    @method_decorator(asks_again())
    def change_view(self, request, object_id, form_url="", extra_context=None):
        return super().change_view(request, object_id, form_url, extra_context)

    def get_form(self, request, obj=None, change=False, **kwargs):
        if not self.has_change_permission(request, obj):
            kwargs["form"] = forms.ModelForm  # all fields are text, so the form has none
        return super().get_form(request, obj, change, **kwargs)

    def save_model(self, request, obj, form, change):
        obj._history_user = request.user
        save_institute(obj)


@admin.register(Logo)
class LogoAdmin(ReadOnlyAdmin):
    list_display = ["__str__", "digest"]


@admin.register(Course)
class CourseAdmin(HistoryAdmin, NoDeleteAdmin):
    list_display = ["name", "code", "total_fee", "is_active"]
    list_filter = ["is_active"]
    search_fields = ["name", "code"]
    ordering = ["name", "pk"]
    show_full_result_count = False
    history_list_display = ["total_fee", "is_active"]


class ClassTimeFormSet(forms.BaseInlineFormSet):
    def clean(self):
        super().clean()
        if any(self.errors):
            return
        slots = class_times.check(self.slots)
        batch = self.instance
        stored = batch.slots if batch.pk else []
        starts = {(slot.weekday, slot.starts_at) for slot in slots}
        removed = [slot for slot in stored if (slot.weekday, slot.starts_at) not in starts]
        if removed:
            check_removed_times(batch, removed)
        if batch.starts_on:
            check_clashes(batch, slots, despite_clash="despite_clash" in self.data)

    @property
    def slots(self):
        kept = [
            form.cleaned_data
            for form in self.forms
            if form not in self.deleted_forms and form.has_changed()
        ]
        kept += [
            forms.model_to_dict(form.instance)
            for form in self.initial_forms
            if not form.has_changed()
        ]
        return sorted(
            class_times.Slot(row["weekday"], row["starts_at"], row["ends_at"]) for row in kept
        )


class ClassTimeInline(admin.TabularInline):
    model = ClassTime
    formset = ClassTimeFormSet
    extra = 1


class BatchAdminForm(forms.ModelForm):
    despite_clash = forms.BooleanField(
        label="Save despite a clash",
        required=False,
        help_text="If the instructor, the room or a student has another class at the same time.",
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        for name, offered in offered_choices(self.instance).items():
            if name in self.fields:
                self.fields[name].queryset = offered

    def clean(self):
        cleaned = super().clean()
        if self.instance.pk and not self.errors:
            fields = {name: value for name, value in cleaned.items() if name != "despite_clash"}
            check_batch_change(Batch(pk=self.instance.pk, **fields))
        return cleaned


@admin.register(Batch)
class BatchAdmin(HistoryAdmin, NoDeleteAdmin):
    form = BatchAdminForm
    inlines = [ClassTimeInline]
    list_display = [
        "name",
        "code",
        "course",
        "instructor",
        "starts_on",
        "ends_on",
        "capacity",
        "room",
        "class_times_note",
    ]
    list_filter = ["course"]
    list_select_related = ["course", "instructor"]
    search_fields = ["name", "code", "course__name"]
    autocomplete_fields = ["course", "instructor"]
    date_hierarchy = "starts_on"
    ordering = ["name", "pk"]
    show_full_result_count = False
    history_list_display = ["course", "instructor", "starts_on", "ends_on", "capacity"]

    def save_related(self, request, form, formsets, change):
        super().save_related(request, form, formsets, change)
        batch = Batch.objects.with_class_times().get(pk=form.instance.pk)
        for clash in find_clashes(batch, batch.slots):
            messages.warning(request, f"Saved despite a clash: {clash}")


@admin.register(ClassChange)
class ClassChangeAdmin(HistoryAdmin, ReadOnlyAdmin):
    """Read only: changes are made and undone on the pages of a batch."""

    list_display = ["batch", "description", "reason", "changed_by", "changed_at"]
    list_select_related = ["batch", "changed_by"]
    search_fields = ["batch__name", "batch__code", "reason"]
    date_hierarchy = "changed_at"
    ordering = ["-changed_at", "-pk"]
    show_full_result_count = False
    history_list_display = ["day", "to_day", "reason"]


@admin.register(Holiday)
class HolidayAdmin(OfferedFiltersAdmin):
    list_display = ["day", "name"]
    search_fields = ["name"]
    date_hierarchy = "day"
    ordering = ["-day"]

    def save_model(self, request, obj, form, change):
        super().save_model(request, obj, form, change)
        if sheets := count_sheets_on([obj.day]):
            messages.warning(request, existing_sheets_message(sheets))


@admin.register(Enrollment)
class EnrollmentAdmin(HistoryAdmin, NoDeleteAdmin, LargeTableAdmin):
    """Read only, since enrolling, transfers and drops also change fees."""

    list_display = ["student", "batch", "status", "enrolled_on", "ended_on", "agreed_fee"]
    list_filter = ["status", "batch__course"]
    list_select_related = ["student__user", "batch"]
    search_fields = ["student__user__search_text"]
    ordering = ["-pk"]
    fields = [
        "student",
        "batch",
        "enrolled_on",
        "status",
        "ended_on",
        "drop_reason",
        "end_reason",
        "list_fee",
        "agreed_fee",
        "fee_reason",
        "is_exclusive",
        "last_marked_on",
        "created_at",
    ]
    history_list_display = ["status", "ended_on", "agreed_fee"]

    def has_add_permission(self, request):
        return False

    def get_form(self, request, obj=None, change=False, **kwargs):
        form = super().get_form(request, obj, change, **kwargs)
        if "drop_reason" in form.base_fields:
            form.base_fields["drop_reason"].required = True
        return form

    def get_readonly_fields(self, request, obj=None):
        is_dropped = obj and Enrollment.objects.dropped().filter(pk=obj.pk).exists()
        editable = {"end_reason", "drop_reason"} if is_dropped else {"end_reason"}
        return [name for name in self.fields if name not in editable]
