from django import forms
from django.forms.models import ModelChoiceIterator
from django.utils.functional import cached_property

from coachmaster.core.money import display, plain


class BatchSelect(forms.Select):
    """Batches with the fee of each, so that a script can offer it."""

    fee_of = staticmethod(lambda batch: batch.course.total_fee)

    def __init__(self, attrs=None, choices=()):
        super().__init__({"class": "form-select", **(attrs or {})}, choices)

    def create_option(self, name, value, *args, **kwargs):
        option = super().create_option(name, value, *args, **kwargs)
        if batch := getattr(value, "instance", None):
            option["attrs"]["data-fee"] = plain(self.fee_of(batch))
        return option


class BatchChoiceIterator(ModelChoiceIterator):
    """The batches that a `BatchChoice` offers, and none yet."""

    def __init__(self, field):
        self.field = field

    def __iter__(self):
        yield "", self.field.empty_label
        for batch in self.field.offered:
            yield self.choice(batch)


class BatchChoiceField(forms.ModelChoiceField):
    """A batch that goes on, with its times, fee and seats left. Of many the first that match ``words`` are offered, and the
    ``chosen`` one (a key); any can be chosen."""

    MOST = 100
    widget, iterator = BatchSelect, BatchChoiceIterator

    def __init__(self, batches, *, words="", chosen=None, **kwargs):
        self.batches, self.words, self.chosen = (
            batches.with_class_times().with_strength(),
            words,
            chosen,
        )
        super().__init__(self.batches, label="Batch", empty_label="Choose a batch", **kwargs)

    @cached_property
    def _found(self):
        return list(self.batches.search(self.words).order_by("name", "pk")[: self.MOST + 1])

    @property
    def asks_for_words(self):
        """Whether there are too many to offer all."""
        return bool(self.words) or len(self._found) > self.MOST

    @cached_property
    def offered(self):
        """The batches to choose from at once, by name."""
        found = self._found[: self.MOST]
        if self.chosen and self.chosen not in {batch.pk for batch in found}:
            found += self.batches.filter(pk=self.chosen)
        return found

    def label_from_instance(self, batch):
        fee = display(self.widget.fee_of(batch))
        parts = [str(batch), batch.class_times_text, seats_label(batch), fee, batch.course.name]
        return " · ".join(filter(None, parts))


def seats_label(batch):
    """How many seats a batch with its strength has left, in words; "" when it takes as many as come."""
    if batch.capacity is None:
        return ""
    left = max(batch.capacity - batch.strength, 0)
    return (
        f"{left} of {batch.capacity} seats left"
        if left
        else f"FULL, all {batch.capacity} seats taken"
    )
