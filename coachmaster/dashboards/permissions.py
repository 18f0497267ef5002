from coachmaster.core.querysets import SEE_WHOLE_INSTITUTE

#: The figures of the admin dashboard are those of everybody.
ADMIN_DASHBOARD = [SEE_WHOLE_INSTITUTE, "accounts.view_admin_dashboard"]
