"""Read-only admin: sheets are saved on the site, which records corrections."""

from django.contrib import admin

from coachmaster.core.admin import LargeTableAdmin, ReadOnlyAdmin

from .models import (
    AttendanceReminder,
    CheckIn,
    EarlierAttendance,
    Mark,
    MarkChange,
    Presence,
    RegisterReminder,
    Sheet,
)


class LookupAdmin(ReadOnlyAdmin, LargeTableAdmin):
    pass


@admin.register(Sheet)
class SheetAdmin(LookupAdmin):
    list_display = ["batch", "held_on", "topic", "taken_by", "taken_at", "version"]
    list_select_related = ["batch", "taken_by"]
    list_filter = ["held_on", "batch__course"]
    search_fields = ["batch__name", "batch__code", "topic"]
    ordering = ["-held_on", "-pk"]


@admin.register(Mark)
class MarkAdmin(LookupAdmin):
    list_display = ["student", "status", "batch", "held_on"]
    list_select_related = ["student__user", "sheet__batch"]
    list_filter = ["status", "sheet__held_on"]
    search_fields = ["student__user__search_text"]
    ordering = ["-pk"]

    @admin.display(description="batch", ordering="sheet__batch__name")
    def batch(self, mark):
        return mark.sheet.batch

    @admin.display(description="date", ordering="sheet__held_on")
    def held_on(self, mark):
        return mark.sheet.held_on


@admin.register(MarkChange)
class MarkChangeAdmin(LookupAdmin):
    list_display = ["mark", "before", "after", "changed_by", "changed_at"]
    list_select_related = ["mark__student__user", "changed_by"]
    list_filter = ["after", "changed_at"]
    search_fields = ["mark__student__user__search_text"]
    ordering = ["-changed_at", "-pk"]


@admin.register(RegisterReminder)
class RegisterReminderAdmin(LookupAdmin):
    list_display = ["instructor", "sent_on", "registers"]
    list_select_related = ["instructor"]
    date_hierarchy = "sent_on"
    ordering = ["-sent_on", "-pk"]


@admin.register(AttendanceReminder)
class AttendanceReminderAdmin(LookupAdmin):
    list_display = ["enrollment", "channel", "attended", "counted", "sent_by", "sent_at"]
    list_select_related = ["enrollment__student__user", "enrollment__batch", "sent_by"]
    list_filter = ["channel"]
    search_fields = ["enrollment__student__user__search_text"]
    date_hierarchy = "sent_at"
    ordering = ["-sent_at", "-pk"]


@admin.register(Presence, EarlierAttendance)
class MarkCountsAdmin(LookupAdmin):
    list_display = ["enrollment", "present", "absent", "late", "excused"]
    list_select_related = ["enrollment__student__user", "enrollment__batch"]
    search_fields = ["enrollment__student__user__search_text"]
    ordering = ["-pk"]


@admin.register(CheckIn)
class CheckInAdmin(LookupAdmin):
    list_display = ["student", "sheet", "status", "at", "device"]
    list_select_related = ["student__user", "sheet__batch"]
    list_filter = ["status", "at"]
    search_fields = ["student__user__search_text"]
    ordering = ["-at", "-pk"]
