-- Function: ctaudit.refuse_rewritten
-- Called at the end of each function that reads rows of connections, with the snapshot that it
-- read them by. The snapshot shows the file that ctaudit.rewrite had when it was taken,
-- pg_relation_filenode the one it has now. If they differ, ctaudit.note_rewrite was called in
-- between, and rows may have been missed.
-- Parameters: none
-- Returns: nothing
-- Errors: 40001 rows were moved since the snapshot was taken; ask again in a new transaction
-- Tables touched: rewrite (its file)
CREATE OR REPLACE FUNCTION ctaudit.refuse_rewritten()
RETURNS void
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    IF (
        SELECT c.relfilenode <> pg_relation_filenode(c.oid)
        FROM pg_class AS c WHERE c.oid = 'ctaudit.rewrite'::regclass
    ) THEN
        RAISE EXCEPTION 'rows of the record were moved while the question was answered'
            USING ERRCODE = '40001', HINT = 'Ask again, in a new transaction.';
    END IF;
END
$function$;
