-- Function: ctaudit.begin_import
-- Begins an import, or goes on with one that was interrupted. For the owner only.
-- Parameters:
--   p_node            the name of the gateway that it is the history of, or one that it had
--   p_imported_from   ulogd2
--   p_source          which table or file
--   p_detail          how it is read; kept from the first time on
-- Returns: the import
-- Errors: 23505 a gateway of that name records, or the import began otherwise; 22023 several
--   gateways had that name
-- Tables touched: node, import; stream (read)
CREATE OR REPLACE FUNCTION ctaudit.begin_import(
    p_node text,
    p_imported_from text,
    p_source text,
    p_detail jsonb
)
RETURNS ctaudit.import
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_import ctaudit.import;
BEGIN
    -- An import that was renamed goes on: begun anew, its rows would be there twice.
    IF ctaudit.nodes_named(p_node) <> '{}' THEN
        p_node := ctaudit.node_named(p_node);
    END IF;
    IF EXISTS (SELECT FROM ctaudit.stream AS s WHERE s.node = p_node) THEN
        RAISE EXCEPTION '% records by itself; import its history under another name', p_node
            USING ERRCODE = '23505';
    END IF;
    IF NOT EXISTS (SELECT FROM ctaudit.node AS n WHERE n.node = p_node) THEN
        INSERT INTO ctaudit.node (node, first_seen) VALUES (p_node, clock_timestamp())
        ON CONFLICT (node) DO NOTHING;
    END IF;
    INSERT INTO ctaudit.import (node, imported_from, source, detail)
    VALUES (p_node, p_imported_from, p_source, p_detail)
    ON CONFLICT (node) DO NOTHING;
    SELECT * INTO STRICT v_import FROM ctaudit.import AS i WHERE i.node = p_node;
    IF v_import.source <> p_source THEN
        RAISE EXCEPTION '% has what was imported from %, which is not %; give this import another name',
            p_node, v_import.source, p_source USING ERRCODE = '23505';
    ELSIF v_import.detail <> p_detail THEN
        RAISE EXCEPTION '% was begun with %, and cannot go on with %', p_node, v_import.detail, p_detail
            USING ERRCODE = '23505';
    END IF;
    RETURN v_import;
END
$function$;
