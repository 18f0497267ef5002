from django.core.cache import cache
from django.db import models, transaction
from django.db.models import Q
from simple_history.models import HistoricalRecords

_REQUIREMENT_KEY = "second_factor_required"


class SignInRulesManager(models.Manager):
    def current(self):
        return self.get(pk=SignInRules.ONLY)

    def cached_requirement(self):
        """Return who needs a second factor, at most a minute old."""
        return cache.get_or_set(_REQUIREMENT_KEY, lambda: self.current().second_factor_required, 60)


class SignInRules(models.Model):
    """The rules of signing in: a single row, created by `migrate`."""

    ONLY = 1

    class Required(models.TextChoices):
        NOBODY = "nobody", "Nobody: everybody may choose"
        ADMINS = "admins", "Everybody who may give roles to others"
        STAFF = "staff", "All staff: everybody except students"

    id = models.PositiveSmallIntegerField(primary_key=True, default=ONLY, editable=False)
    second_factor_required = models.CharField(
        "second factor required for",
        max_length=10,
        choices=Required.choices,
        default=Required.NOBODY,
        help_text="Whoever needs a second factor and has none is asked to set it up at the next "
        "page, and can do nothing else until then.",
    )

    objects = SignInRulesManager()
    history = HistoricalRecords()

    class Meta:
        verbose_name = verbose_name_plural = "sign-in rules"
        constraints = [models.CheckConstraint(condition=Q(pk=1), name="sign_in_rules_one_row")]

    def __str__(self):
        return "Sign-in rules"

    def save(self, **kwargs):
        super().save(**kwargs)
        cache.delete(_REQUIREMENT_KEY)
        # Another request may have cached the old row before the commit.
        transaction.on_commit(lambda: cache.delete(_REQUIREMENT_KEY))
