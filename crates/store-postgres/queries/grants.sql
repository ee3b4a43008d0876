-- The role of the program, where the owner has made one. Add-only tables get SELECT and INSERT alone; the triggers
-- refuse everything else even to the owner.
DO $$
BEGIN
    -- Two programs that grant at once would change the same rows of the catalogue.
    PERFORM pg_advisory_xact_lock(hashtext('qadiya grants'));
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'qadiya_app') THEN
        GRANT SELECT, INSERT ON setting, court_case, entity, lookup, event, secret, log_pending, log_entry, tree_node,
            checkpoint, fence, deadline, job, request, batch, stage_delta, stage_count, access, access_stream, worker,
            operation, calendar, definition, definition_active TO qadiya_app;
        GRANT UPDATE ON court_case, entity, lookup, fence, deadline, job, stage_count, worker, operation,
            definition_active TO qadiya_app;
        GRANT DELETE ON lookup, log_pending, deadline, job, stage_delta, worker TO qadiya_app;
        GRANT SELECT ON _sqlx_migrations TO qadiya_app;
    END IF;
END
$$;
