import contextlib
import datetime
import functools
import json
from typing import Any

from django import forms
from django.core import signing
from django.core.exceptions import ValidationError
from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction

from .dates import format_date
from .form_fields import AmountField
from .money import display


def lock_on_post(model, pk=None):
    """Lock the row that a view edits while the view answers a POST."""

    def decorator(view):
        @functools.wraps(view)
        def wrapper(request, **kwargs):
            if request.method != "POST":
                return view(request, **kwargs)
            with transaction.atomic():
                rows = model._base_manager.select_for_update().filter(pk=pk or kwargs["pk"])
                list(rows.values_list("pk"))
                return view(request, **kwargs)

        return wrapper

    return decorator


class ConflictCheckForm(forms.BaseForm):
    """Form that is invalid once if others saved different values after its page was opened.

    The page keeps the values that it showed, signed, in the hidden field `shown`. Sent again, the
    form is valid, since the user has seen the change.
    """

    #: The query dictionary, replaced by a mutable copy after a conflict.
    data: Any

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if self.edits_record:
            self.fields["shown"] = forms.CharField(
                widget=forms.HiddenInput,
                required=False,
                initial=lambda: _sign(self.shown_values()),
            )

    @property
    def edits_record(self):
        return bool(self.initial)

    # Forms that show more than their fields override these methods.

    def current_values(self):
        """Return the stored values as ``{name: (label, value)}``."""
        edited = ((name, field) for name, field in self.fields.items() if name in self.initial)
        return {
            name: (self[name].label, self.get_initial_for_field(field, name))
            for name, field in edited
        }

    def shown_values(self):
        """Return the values for the page to keep, as ``{name: value}``."""
        return {name: value for name, (_, value) in self.current_values().items()}

    def restored_values(self, shown):
        """Return the values of a page that kept ``shown``."""
        values = {}
        for name, value in shown.items():
            with contextlib.suppress(ValidationError):
                if name in self.fields:
                    value = self.fields[name].to_python(value)
                values[name] = getattr(value, "pk", value)
        return values

    def saved_by(self, shown):
        """Return the names of those who saved the record since."""
        return "somebody else"

    def is_changed(self, name, value):
        """Whether the input for a name differs from ``value``."""
        return self.fields[name].has_changed(value, self[name].data)

    def show_value(self, name, value):
        self.data[self.add_prefix(name)] = value

    def clean(self):
        cleaned = super().clean()
        if "shown" in self.fields:
            self._check_conflict(_unsign(self.cleaned_data.pop("shown", "")))
        return cleaned

    def _check_conflict(self, kept):
        shown = self.restored_values(kept)
        changed = {
            name: (label, value)
            for name, (label, value) in self.current_values().items()
            if shown.get(name, value) != value and self.is_changed(name, value)
        }
        if changed:
            self._add_conflict(changed, shown, self.saved_by(kept))

    def _add_conflict(self, changed, shown, user_names):
        labels = [
            f"{label} (now {_display(self.fields.get(name), value)})"
            for name, (label, value) in changed.items()
        ]
        untouched = [name for name in changed if not self.is_changed(name, shown[name])]
        self.data = self.data.copy()
        self.data[self.add_prefix("shown")] = _sign(self.shown_values())
        for name in untouched:
            self.show_value(name, changed[name][1])
        self.add_error(
            None,
            f"Nothing is saved yet. Since you opened this page, {user_names} changed "
            f"{', '.join(labels)}. Your input is still here: check it, and save again.",
        )


class EditForm(ConflictCheckForm, forms.ModelForm):
    """Form of one row; its page keeps the id of the last history record, if there is one."""

    @property
    def edits_record(self):
        return self.instance.pk is not None

    @property
    def edited_records(self):
        return [self.instance]

    def shown_values(self):
        shown, stored = super().shown_values(), {}
        last = [record.history.first() for record in self._tracked]
        if not last or None in last:
            return shown
        for row in last:
            stored |= forms.model_to_dict(row.instance, fields=list(self.fields))
        if any(stored.get(name, value) != value for name, value in shown.items()):
            # Somebody saved after the form was filled: the last record is not what it shows.
            return shown
        return {
            "history": [row.history_id for row in last],
            **{name: value for name, value in shown.items() if name not in self.fields},
        }

    def restored_values(self, shown):
        values = super().restored_values(shown)
        for _, row in self._saved_since(shown):
            values.update(forms.model_to_dict(row.instance, fields=list(self.fields)))
        return values

    def saved_by(self, shown):
        names: dict = {}
        for record, row in self._saved_since(shown):
            later = record.history.filter(pk__gt=row.pk).exclude(history_user=None).order_by("pk")
            names.update(dict.fromkeys(later.values_list("history_user__full_name", flat=True)))
        return " and ".join(names) or super().saved_by(shown)

    @property
    def _tracked(self):
        return [record for record in self.edited_records if hasattr(record, "history")]

    def _saved_since(self, shown):
        """Return the records saved since, each with the history record that the page showed."""
        pairs = list(zip(self._tracked, shown.get("history", []), strict=False))
        saved = [(record, pk) for record, pk in pairs if record.history.filter(pk__gt=pk).exists()]
        return [
            (record, row) for record, pk in saved if (row := record.history.filter(pk=pk).first())
        ]


def _sign(values):
    return signing.dumps(json.loads(json.dumps(values, cls=DjangoJSONEncoder)), salt="shown")


def _unsign(text):
    try:
        return signing.loads(text, salt="shown")
    except signing.BadSignature:
        return {}


def _display(field, value):
    if value in (None, ""):
        return "empty"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime.date):
        return format_date(value)
    if isinstance(field, forms.ModelChoiceField):
        return f"“{field.to_python(value)}”"
    if isinstance(field, forms.ChoiceField):
        options: Any = field.choices
        return f"“{dict(options).get(value, value)}”"
    return display(value) if isinstance(field, AmountField) else f"“{value}”"
