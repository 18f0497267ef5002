from django.contrib import admin

from coachmaster.core.admin import ReadOnlyAdmin

from .models import Import


@admin.register(Import)
class ImportAdmin(ReadOnlyAdmin):
    """Finished imports only: a waiting file is visible to its uploader alone."""

    fields = [
        "file_name",
        "kind",
        "by",
        "uploaded_at",
        "applied_at",
        "created",
        "changed",
        "unchanged",
    ]
    list_display = ["file_name", "kind", "by", "applied_at", "created", "changed", "unchanged"]
    list_select_related = ["by"]
    list_filter = ["kind"]
    search_fields = ["file_name", "by__search_text"]
    date_hierarchy = "applied_at"
    ordering = ["-applied_at", "-pk"]
    show_full_result_count = False

    def get_queryset(self, request):
        return super().get_queryset(request).applied().defer("content", "report", "created_ids")
