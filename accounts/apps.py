from django.apps import AppConfig
from django.db.models.signals import m2m_changed, post_delete, post_migrate


def create_sign_in_rules(using="default", **kwargs):
    from .models import SignInRules

    SignInRules.objects.using(using).get_or_create(pk=SignInRules.ONLY)


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = "People"

    def ready(self):
        from django.contrib.auth.models import Group, update_last_login
        from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed

        from . import roles
        from .services import sign_in

        post_migrate.connect(roles.update_roles, dispatch_uid="accounts.roles")
        post_migrate.connect(create_sign_in_rules, sender=self, dispatch_uid="accounts.rules")
        # Django's own receiver writes a history record for every sign-in.
        user_logged_in.disconnect(update_last_login, dispatch_uid="update_last_login")
        user_logged_in.connect(sign_in.record_sign_in, dispatch_uid="accounts.last_login")
        user_logged_out.connect(sign_in.log_sign_out, dispatch_uid="accounts.signed_out")
        user_login_failed.connect(sign_in.log_failed_sign_in, dispatch_uid="accounts.failed")
        m2m_changed.connect(
            roles.log_permissions, Group.permissions.through, dispatch_uid="accounts.permissions"
        )
        post_delete.connect(roles.log_deleted_role, Group, dispatch_uid="accounts.deleted_role")
