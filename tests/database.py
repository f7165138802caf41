"""The test database as the migrations left it, after each test that wrote to it for real.

Django's own way takes half a second: it truncates every table and sows again. A test writes to a
few of fifty, and hardly ever to those that the migrations filled.
"""

import pgtrigger
from django.db import connection

# A copy of each table that the migrations filled, in a schema that no model looks into.
REMEMBER = """
DO $$
DECLARE
    name text;
    filled boolean;
BEGIN
    CREATE SCHEMA sown;
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM public.%I)', name) INTO filled;
        IF filled THEN
            EXECUTE format('CREATE TABLE sown.%I AS TABLE public.%I', name, name);
        END IF;
    END LOOP;
END $$
"""
# DELETE, because TRUNCATE would wait for ever for a worker that a failed test left in a
# transaction. The newest tables first: they refer to older ones, and the queue's do so at once.
RESTORING = """
CREATE FUNCTION sown.restore() RETURNS void LANGUAGE plpgsql SET lock_timeout = '20s' AS $$
DECLARE
    one record;
    differs boolean;
BEGIN
    FOR one IN
        SELECT table_.relname AS name, sown.oid IS NOT NULL AS is_sown
        FROM pg_class AS table_
        LEFT JOIN pg_class AS sown
            ON sown.relname = table_.relname AND sown.relnamespace = 'sown'::regnamespace
        WHERE table_.relkind = 'r' AND table_.relnamespace = 'public'::regnamespace
        ORDER BY table_.oid DESC
    LOOP
        IF one.is_sown THEN
            EXECUTE format(
                'SELECT EXISTS ('
                '(SELECT t::text FROM public.%1$I t EXCEPT ALL SELECT s::text FROM sown.%1$I s)'
                ' UNION ALL '
                '(SELECT s::text FROM sown.%1$I s EXCEPT ALL SELECT t::text FROM public.%1$I t))',
                one.name
            ) INTO differs;
        ELSE
            EXECUTE format('SELECT EXISTS (SELECT FROM public.%I)', one.name) INTO differs;
        END IF;
        CONTINUE WHEN NOT differs;
        EXECUTE format('DELETE FROM public.%I', one.name);
        IF one.is_sown THEN
            EXECUTE format('INSERT INTO public.%1$I SELECT * FROM sown.%1$I', one.name);
        END IF;
    END LOOP;
END $$
"""


def remember_database() -> None:
    """Keep what the migrations and seeds have written: once, before the first test."""
    with connection.cursor() as cursor:
        cursor.execute(REMEMBER)
        cursor.execute(RESTORING)


def restore_database() -> None:
    """Take out what tests have written, also of ledgers, and put back what they changed."""
    with pgtrigger.ignore(), connection.cursor() as cursor:
        cursor.execute("SELECT sown.restore()")
