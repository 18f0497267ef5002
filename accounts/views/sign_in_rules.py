from django.contrib import messages
from django.shortcuts import redirect

from accounts.forms.second_factors import SignInRulesForm
from accounts.models import SignInRules
from coachmaster.core.history import recent_changes
from coachmaster.core.logs import log_event
from coachmaster.core.views import form_page


def sign_in_rules(request):
    rules = SignInRules.objects.current()
    form = SignInRulesForm(request.POST or None, instance=rules, request=request)
    if form.is_valid():
        form.save()
        log_event("settings changed", fields="second_factor_required")
        messages.success(request, "Rules saved.")
        return redirect("accounts:sign-in-rules")
    return form_page(
        request,
        form,
        title="Sign-in rules",
        template="accounts/second_factors/rules.html",
        context={"changes": recent_changes(SignInRules.history.all(), limit=10)},
    )
