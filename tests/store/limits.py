"""A store in which a limit of a tenth of a second is met."""

from __future__ import annotations

import psycopg

_SLOW = """
CREATE FUNCTION public.be_slow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_catalog.pg_sleep(0.2);
    RETURN NULL;
END
$$;
CREATE TRIGGER slow AFTER INSERT ON ctaudit.opening_row
    FOR EACH STATEMENT EXECUTE FUNCTION public.be_slow();
CREATE TRIGGER slow AFTER INSERT OR DELETE ON ctaudit.inquiry
    FOR EACH STATEMENT EXECUTE FUNCTION public.be_slow();
"""


def be_slow(dsn: str) -> None:
    """Each batch with openings and each question takes two tenths of a second longer."""
    with psycopg.connect(dsn, autocommit=True) as owner:
        owner.execute(_SLOW)
