-- Of ctaudit.ask_stores: a store that is asked. deadline: until when it is waited for.
DO $type$
BEGIN
    IF to_regtype('ctaudit.waiting_store') IS NULL THEN
        CREATE TYPE ctaudit.waiting_store AS (
            store_id smallint,
            name text,
            dsn text,
            patience interval,
            deadline timestamptz,
            tries integer
        );
    END IF;
END
$type$;
