-- The roles of ctaudit: group roles without login, which are granted to the roles that log in.
-- They belong to the cluster, not to a database: made if missing, never dropped or changed.
--
--   ctaudit_owner     owns each object of the schema; installs and upgrades it
--   ctaudit_recorder  may execute the record procedures and ask where to resume and what its
--                     gateway's check needs, of the nodes that its login records as, nothing else
--   ctaudit_auditor   may execute the inquiry functions, and read its own inquiries, nothing else
--   ctaudit_front     an auditor that may name the person for whom it asks: a front end's login
--   ctaudit_supervisor  may read all inquiries, nothing else
--   ctaudit_registrar  may say who has an internal address, nothing else; it reads nothing
--   ctaudit_maintainer  may execute the steps of the daily maintenance, nothing else
DO $roles$
DECLARE
    v_role text;
BEGIN
    FOREACH v_role IN ARRAY ARRAY[
        'ctaudit_owner', 'ctaudit_recorder', 'ctaudit_auditor', 'ctaudit_maintainer',
        'ctaudit_front', 'ctaudit_supervisor', 'ctaudit_registrar'
    ] LOOP
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = v_role) THEN
            BEGIN
                EXECUTE pg_catalog.format('CREATE ROLE %I NOLOGIN', v_role);
            EXCEPTION
                -- Another database of this cluster is being installed at the same moment.
                WHEN duplicate_object OR unique_violation THEN NULL;
            END;
        END IF;
    END LOOP;
    -- Of a database that was closed to others before there were these roles.
    FOR v_role IN
        SELECT r.rolname FROM pg_catalog.pg_roles AS r
        WHERE r.rolname IN ('ctaudit_front', 'ctaudit_supervisor', 'ctaudit_registrar')
            AND NOT pg_catalog.has_database_privilege(r.oid, current_database(), 'CONNECT')
            AND pg_catalog.has_database_privilege('ctaudit_auditor', current_database(), 'CONNECT')
    LOOP
        BEGIN
            EXECUTE pg_catalog.format(
                'GRANT CONNECT ON DATABASE %I TO %I', current_database(), v_role
            );
        EXCEPTION
            WHEN insufficient_privilege THEN NULL;
        END;
    END LOOP;
    IF NOT pg_catalog.pg_has_role('ctaudit_front', 'ctaudit_auditor', 'USAGE') THEN
        BEGIN
            GRANT ctaudit_auditor TO ctaudit_front;
        EXCEPTION
            -- Who may not grant it leaves it to whoever makes the front end's login.
            WHEN insufficient_privilege OR unique_violation THEN NULL;
        END;
    END IF;
    IF NOT pg_catalog.pg_has_role(current_user, 'ctaudit_owner', 'USAGE') THEN
        EXECUTE pg_catalog.format('GRANT ctaudit_owner TO %I', current_user);
    END IF;
    -- For ctaudit.lock_holders. Who may not grant it learns less of who holds a lock.
    IF NOT pg_catalog.pg_has_role('ctaudit_owner', 'pg_read_all_stats', 'USAGE') THEN
        BEGIN
            GRANT pg_read_all_stats TO ctaudit_owner;
        EXCEPTION
            WHEN insufficient_privilege OR unique_violation THEN NULL;
        END;
    END IF;
END
$roles$;
