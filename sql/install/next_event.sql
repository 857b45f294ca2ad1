-- Models of windows of events: what a user does next, and whether something happens in time.

CREATE FUNCTION @extschema@.behav_next_event(
	user_id anyelement, model text = 'next_event', at timestamptz = NULL)
RETURNS TABLE (event text, probability float8)
AS 'MODULE_PATHNAME', 'behav_next_event' LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000 ROWS 5;
COMMENT ON FUNCTION @extschema@.behav_next_event(anyelement, text, timestamptz) IS
'Which behaviour a user shows next, by a model of the task next_event and the events in the source now (or before a time), the likeliest first; no row for a user without events. Example: SELECT * FROM behav_next_event(42, ''next_event'')';

CREATE FUNCTION @extschema@.behav_explain_events(
	model text, user_id anyelement, class text = NULL, at timestamptz = NULL)
RETURNS TABLE ("position" int, ts timestamptz, event text, item_id text, share float8)
AS 'MODULE_PATHNAME', 'behav_explain_events' LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000 ROWS 20;
COMMENT ON FUNCTION @extschema@.behav_explain_events(text, anyelement, text, timestamptz) IS
'Which events of a user''s window speak for an answer of a model of events, and which against it: shares of the log-odds of a class (the answered one), oldest event first; of the task will the last row is the moment itself. Example: SELECT * FROM behav_explain_events(''next_event'', 42, ''purchase'')';
