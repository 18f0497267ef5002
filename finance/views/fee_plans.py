from django.contrib import messages
from django.core.exceptions import ValidationError
from django.shortcuts import get_object_or_404, redirect

from academics.models import Course
from coachmaster.core.concurrency import lock_on_post
from coachmaster.core.forms import add_errors
from coachmaster.core.money import display
from coachmaster.core.views import form_page
from finance.forms.fee_plans import FeePlanForm
from finance.models import FeePlan
from finance.services.fee_plans import save_plan


def plan_create(request, pk):
    course = get_object_or_404(Course, pk=pk)
    plan = FeePlan(course=course)
    return _plan_page(request, plan, [], title=f"Add fee plan to {course}", submit="Add plan")


@lock_on_post(FeePlan)
def plan_update(request, pk):
    plan = get_object_or_404(
        FeePlan.objects.select_related("course").prefetch_related("parts"), pk=pk
    )
    return _plan_page(request, plan, list(plan.parts.all()), title=f"Edit {plan}", submit="Save")


def _plan_page(request, plan, parts, *, title, submit):
    form = FeePlanForm(request.POST or None, instance=plan, parts=parts)
    if all([form.is_valid(), form.part_formset.is_valid()]):
        try:
            save_plan(form.instance, form.part_formset.parts)
        except ValidationError as error:
            add_errors(form, error)
        else:
            messages.success(request, f"Fee plan {plan} of {plan.course} saved.")
            return redirect(plan.course)
    return form_page(
        request,
        form,
        title=title,
        template="finance/fee_plans/form.html",
        submit=submit,
        back=plan.course.get_absolute_url(),
        back_label=str(plan.course),
        context={
            "rows": form.part_formset,
            "course": plan.course,
            "fee": display(plan.course.total_fee),
        },
    )
