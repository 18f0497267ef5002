-- Privileges of the application's role. Run as the owner of the tables after each `manage.py migrate`:
--   psql "$MIGRATE_DATABASE_URL" -v app=coachmaster_app -f scripts/grants.sql
-- The role can read and write rows, but cannot change tables, nor edit or delete payments and histories.
\set ON_ERROR_STOP on
BEGIN;
GRANT USAGE ON SCHEMA public TO :"app";
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO :"app";
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO :"app";
-- Tables that only `migrate` writes.
REVOKE INSERT, UPDATE, DELETE ON django_migrations, django_content_type, auth_permission FROM :"app";
-- Tables with an append-only trigger, histories, and logs.
SELECT format('REVOKE UPDATE, DELETE, TRUNCATE ON %s FROM %I', tgrelid::regclass, :'app')
FROM pg_trigger WHERE tgname LIKE '%\_append\_only' \gexec
SELECT format('REVOKE UPDATE, DELETE, TRUNCATE ON %I FROM %I', tablename, :'app')
FROM pg_tables WHERE schemaname = 'public' AND (
    tablename LIKE '%\_historical%' OR tablename IN ('attendance_markchange', 'django_admin_log')
) \gexec
COMMIT;
