from django import forms
from django.forms.models import ModelChoiceIterator
from django.utils.functional import cached_property

from coachmaster.core.money import display, plain


class BatchSelect(forms.Select):
    fee_of = staticmethod(lambda batch: batch.course.total_fee)

    def __init__(self, attrs=None, choices=()):
        super().__init__({"class": "form-select", **(attrs or {})}, choices)

    def create_option(self, name, value, *args, **kwargs):
        option = super().create_option(name, value, *args, **kwargs)
        if batch := getattr(value, "instance", None):
            option["attrs"]["data-fee"] = plain(self.fee_of(batch))
        return option


class BatchChoiceIterator(ModelChoiceIterator):
    def __init__(self, field):
        self.field = field

    def __iter__(self):
        yield "", self.field.empty_label
        for batch in self.field.offered:
            yield self.choice(batch)


class BatchChoiceField(forms.ModelChoiceField):
    """A batch with its class times, seats left and fee.

    Any batch is valid, but only ``max_choices`` are offered: those that match ``query``, and the
    one with the id ``chosen``.
    """

    widget, iterator = BatchSelect, BatchChoiceIterator

    def __init__(self, batches, *, query="", chosen=None, max_choices=100, **kwargs):
        self.batches = batches.with_class_times().with_strength()
        self.query, self.chosen, self.max_choices = query, chosen, max_choices
        super().__init__(self.batches, label="Batch", empty_label="Choose a batch", **kwargs)

    @cached_property
    def _found(self):
        return list(self.batches.search(self.query).order_by("name", "pk")[: self.max_choices + 1])

    @property
    def needs_search(self):
        return bool(self.query) or len(self._found) > self.max_choices

    @cached_property
    def offered(self):
        found = self._found[: self.max_choices]
        if self.chosen and self.chosen not in {batch.pk for batch in found}:
            found += self.batches.filter(pk=self.chosen)
        return found

    def label_from_instance(self, batch):
        fee = display(self.widget.fee_of(batch))
        parts = [str(batch), batch.class_times_text, seats_label(batch), fee, batch.course.name]
        return " · ".join(filter(None, parts))


def seats_label(batch):
    """Return the seats left in words; an empty string if the batch has no limit."""
    if batch.capacity is None:
        return ""
    left = batch.capacity - batch.strength
    if left <= 0:
        return f"FULL, all {batch.capacity} seats taken"
    return f"{left} of {batch.capacity} seats left"
