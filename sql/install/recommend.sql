-- Serving: what to show a user, from the user's own history.

CREATE FUNCTION @extschema@.behav_recommend(
	user_id bigint, k int = 10, model text = NULL, exclude text = 'purchased',
	candidates anycompatiblearray = NULL::text[], min_score float8 = NULL, filter text = NULL,
	exclude_items "any" = NULL::text[], max_per jsonb = NULL, diversity float8 = NULL, segment text = NULL,
	as_of timestamptz = NULL, rules boolean = true)
RETURNS TABLE (item_id text, score float8, rank int, reason text)
AS 'MODULE_PATHNAME', 'behav_recommend' LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000 ROWS 10;
COMMENT ON FUNCTION @extschema@.behav_recommend(bigint, int, text, text, anycompatiblearray, float8, text, "any", jsonb, float8, text, timestamptz, boolean) IS
'The k items to show a user now, with the event of the history that spoke most for each. A user without events gets what is popular. Example: SELECT * FROM behav_recommend(42)';

CREATE FUNCTION @extschema@.behav_recommend(
	user_id text, k int = 10, model text = NULL, exclude text = 'purchased',
	candidates anycompatiblearray = NULL::text[], min_score float8 = NULL, filter text = NULL,
	exclude_items "any" = NULL::text[], max_per jsonb = NULL, diversity float8 = NULL, segment text = NULL,
	as_of timestamptz = NULL, rules boolean = true)
RETURNS TABLE (item_id text, score float8, rank int, reason text)
AS 'MODULE_PATHNAME', 'behav_recommend_text' LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000 ROWS 10;
COMMENT ON FUNCTION @extschema@.behav_recommend(text, int, text, text, anycompatiblearray, float8, text, "any", jsonb, float8, text, timestamptz, boolean) IS
'As behav_recommend(bigint), for users that are texts. Example: SELECT * FROM behav_recommend(''u42'', k => 5)';

CREATE FUNCTION @extschema@.behav_recommend(
	user_id uuid, k int = 10, model text = NULL, exclude text = 'purchased',
	candidates anycompatiblearray = NULL::text[], min_score float8 = NULL, filter text = NULL,
	exclude_items "any" = NULL::text[], max_per jsonb = NULL, diversity float8 = NULL, segment text = NULL,
	as_of timestamptz = NULL, rules boolean = true)
RETURNS TABLE (item_id text, score float8, rank int, reason text)
AS 'MODULE_PATHNAME', 'behav_recommend_uuid' LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000 ROWS 10;
COMMENT ON FUNCTION @extschema@.behav_recommend(uuid, int, text, text, anycompatiblearray, float8, text, "any", jsonb, float8, text, timestamptz, boolean) IS
'As behav_recommend(bigint), for users that are uuids. Example: SELECT * FROM behav_recommend(''a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11''::uuid)';

CREATE FUNCTION @extschema@.behav_recommend_items(
	items anycompatiblearray, k int = 10, model text = NULL, exclude text = 'seen',
	candidates anyarray = NULL::text[], min_score float8 = NULL, filter text = NULL,
	exclude_items "any" = NULL::text[], max_per jsonb = NULL, diversity float8 = NULL, segment text = NULL,
	as_of timestamptz = NULL, rules boolean = true)
RETURNS TABLE (item_id text, score float8, rank int, reason text)
AS 'MODULE_PATHNAME', 'behav_recommend_items' LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000 ROWS 10;
COMMENT ON FUNCTION @extschema@.behav_recommend_items(anycompatiblearray, int, text, text, anyarray, float8, text, "any", jsonb, float8, text, timestamptz, boolean) IS
'The k items for a visitor without an account: the items met so far, oldest first. Example: SELECT * FROM behav_recommend_items(ARRAY[7, 12])';

CREATE FUNCTION @extschema@.behav_recommend_cart(
	items anycompatiblearray, k int = 10, model text = NULL, differ_by text = NULL,
	candidates anyarray = NULL::text[], min_score float8 = NULL, filter text = NULL,
	exclude_items "any" = NULL::text[], max_per jsonb = NULL, diversity float8 = NULL, segment text = NULL,
	as_of timestamptz = NULL, rules boolean = true)
RETURNS TABLE (item_id text, score float8, rank int, reason text)
AS 'MODULE_PATHNAME', 'behav_recommend_cart' LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000 ROWS 10;
COMMENT ON FUNCTION @extschema@.behav_recommend_cart(anycompatiblearray, int, text, text, anyarray, float8, text, "any", jsonb, float8, text, timestamptz, boolean) IS
'The k items that go with the items of a cart, in whose order nothing lies; none of them is in it, nor, with differ_by, has one''s value of that column. Example: SELECT * FROM behav_recommend_cart(ARRAY[7, 12])';

CREATE FUNCTION @extschema@.behav_similar_items(
	item_id anycompatiblenonarray, k int = 10, model text = NULL)
RETURNS TABLE (item_id text, score float8, rank int)
AS 'MODULE_PATHNAME', 'behav_similar_items' LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000 ROWS 10;
COMMENT ON FUNCTION @extschema@.behav_similar_items(anycompatiblenonarray, int, text) IS
'The k items nearest to an item by the model''s own measure; no row for an item that the model does not know. Example: SELECT * FROM behav_similar_items(7)';

CREATE FUNCTION @extschema@.behav_similar_users(
	user_id bigint, k int = 10, model text = NULL, half_life_days float8 = 90, as_of timestamptz = NULL)
RETURNS TABLE (user_id text, score float8, rank int, reason text)
AS 'MODULE_PATHNAME', 'behav_similar_users' LANGUAGE C STABLE PARALLEL RESTRICTED COST 100000 ROWS 10;
COMMENT ON FUNCTION @extschema@.behav_similar_users(bigint, int, text, float8, timestamptz) IS
'The k users with the most similar histories, by the cosine of items met, older events counting less. Example: SELECT * FROM behav_similar_users(42)';

CREATE FUNCTION @extschema@.behav_similar_users(
	user_id text, k int = 10, model text = NULL, half_life_days float8 = 90, as_of timestamptz = NULL)
RETURNS TABLE (user_id text, score float8, rank int, reason text)
AS 'MODULE_PATHNAME', 'behav_similar_users_text' LANGUAGE C STABLE PARALLEL RESTRICTED COST 100000 ROWS 10;
COMMENT ON FUNCTION @extschema@.behav_similar_users(text, int, text, float8, timestamptz) IS
'As behav_similar_users(bigint), for users that are texts. Example: SELECT * FROM behav_similar_users(''u42'')';

CREATE FUNCTION @extschema@.behav_similar_users(
	user_id uuid, k int = 10, model text = NULL, half_life_days float8 = 90, as_of timestamptz = NULL)
RETURNS TABLE (user_id text, score float8, rank int, reason text)
AS 'MODULE_PATHNAME', 'behav_similar_users_uuid' LANGUAGE C STABLE PARALLEL RESTRICTED COST 100000 ROWS 10;
COMMENT ON FUNCTION @extschema@.behav_similar_users(uuid, int, text, float8, timestamptz) IS
'As behav_similar_users(bigint), for users that are uuids. Example: SELECT * FROM behav_similar_users(''a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11''::uuid)';

CREATE FUNCTION @extschema@.behav_buy_again(
	user_id bigint, k int = 10, model text = NULL, as_of timestamptz = NULL)
RETURNS TABLE (item_id text, score float8, rank int, due timestamptz, reason text)
AS 'MODULE_PATHNAME', 'behav_buy_again' LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000 ROWS 10;
COMMENT ON FUNCTION @extschema@.behav_buy_again(bigint, int, text, timestamptz) IS
'What a user has bought at least twice and when it is due by the user''s own intervals, the most due first. Example: SELECT * FROM behav_buy_again(42)';

CREATE FUNCTION @extschema@.behav_buy_again(
	user_id text, k int = 10, model text = NULL, as_of timestamptz = NULL)
RETURNS TABLE (item_id text, score float8, rank int, due timestamptz, reason text)
AS 'MODULE_PATHNAME', 'behav_buy_again_text' LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000 ROWS 10;
COMMENT ON FUNCTION @extschema@.behav_buy_again(text, int, text, timestamptz) IS
'As behav_buy_again(bigint), for users that are texts. Example: SELECT * FROM behav_buy_again(''u42'')';

CREATE FUNCTION @extschema@.behav_buy_again(
	user_id uuid, k int = 10, model text = NULL, as_of timestamptz = NULL)
RETURNS TABLE (item_id text, score float8, rank int, due timestamptz, reason text)
AS 'MODULE_PATHNAME', 'behav_buy_again_uuid' LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000 ROWS 10;
COMMENT ON FUNCTION @extschema@.behav_buy_again(uuid, int, text, timestamptz) IS
'As behav_buy_again(bigint), for users that are uuids. Example: SELECT * FROM behav_buy_again(''a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11''::uuid)';

CREATE FUNCTION @extschema@.behav_explain(
	user_id bigint, item_id anycompatiblenonarray, model text = NULL, as_of timestamptz = NULL)
RETURNS TABLE (item_id text, event text, ts timestamptz, share float8)
AS 'MODULE_PATHNAME', 'behav_explain' LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000 ROWS 10;
COMMENT ON FUNCTION @extschema@.behav_explain(bigint, anycompatiblenonarray, text, timestamptz) IS
'Which events of a user''s history speak for an item, newest first; shares sum to 1. Example: SELECT * FROM behav_explain(42, 7)';

CREATE FUNCTION @extschema@.behav_explain(
	user_id text, item_id anycompatiblenonarray, model text = NULL, as_of timestamptz = NULL)
RETURNS TABLE (item_id text, event text, ts timestamptz, share float8)
AS 'MODULE_PATHNAME', 'behav_explain_text' LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000 ROWS 10;
COMMENT ON FUNCTION @extschema@.behav_explain(text, anycompatiblenonarray, text, timestamptz) IS
'As behav_explain(bigint), for users that are texts. Example: SELECT * FROM behav_explain(''u42'', ''i7'')';

CREATE FUNCTION @extschema@.behav_explain(
	user_id uuid, item_id anycompatiblenonarray, model text = NULL, as_of timestamptz = NULL)
RETURNS TABLE (item_id text, event text, ts timestamptz, share float8)
AS 'MODULE_PATHNAME', 'behav_explain_uuid' LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000 ROWS 10;
COMMENT ON FUNCTION @extschema@.behav_explain(uuid, anycompatiblenonarray, text, timestamptz) IS
'As behav_explain(bigint), for users that are uuids. Example: SELECT * FROM behav_explain(''a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11''::uuid, 7)';

CREATE FUNCTION @extschema@.behav_recommend_table(
	model text, into_table text, k int = 10, exclude text = 'purchased', filter text = NULL,
	exclude_items "any" = NULL::text[], max_per jsonb = NULL, diversity float8 = NULL, rules boolean = true)
RETURNS TABLE (users bigint, rows bigint, seconds float8)
AS 'MODULE_PATHNAME', 'behav_recommend_table' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100000 ROWS 1;
COMMENT ON FUNCTION @extschema@.behav_recommend_table(text, text, int, text, text, "any", jsonb, float8, boolean) IS
'Recommendations for every user into a table (user_id, item_id, score, rank, model, version), made when it does not exist; earlier rows of the model are replaced. Example: SELECT * FROM behav_recommend_table(''shop'', ''shop_recommendations'')';

-- How far behav_refresh_table is with each table.
CREATE TABLE behavmine.refresh (
	model_id    bigint NOT NULL REFERENCES behavmine.model ON DELETE CASCADE,
	into_table  text NOT NULL,
	settings    jsonb NOT NULL,
	watermark   timestamptz NOT NULL,
	since       timestamptz NOT NULL,
	last_user   text,
	users       bigint NOT NULL DEFAULT 0,
	started_at  timestamptz NOT NULL DEFAULT pg_catalog.now(),
	finished_at timestamptz,
	owner       name NOT NULL DEFAULT current_user,
	PRIMARY KEY (model_id, into_table)
);
COMMENT ON TABLE behavmine.refresh IS
'The last run of behav_refresh_table for each model and table: its settings, the newest event at its begin, the last user that is done. Example: SELECT into_table, users, last_user, finished_at FROM behavmine.refresh';
ALTER TABLE behavmine.refresh ENABLE ROW LEVEL SECURITY;
CREATE POLICY owner ON behavmine.refresh USING (@extschema@.behav_is_member(ARRAY[owner]));

CREATE PROCEDURE @extschema@.behav_refresh_table(
	model text, into_table text, k int = 10, exclude text = 'purchased', filter text = NULL,
	exclude_items "any" = NULL::text[], max_per jsonb = NULL, diversity float8 = NULL, rules boolean = true,
	everyone boolean = false, batch int = 10000,
	INOUT users bigint = NULL, INOUT rows bigint = NULL, INOUT resumed boolean = NULL)
AS 'MODULE_PATHNAME', 'behav_refresh_table' LANGUAGE C;
COMMENT ON PROCEDURE @extschema@.behav_refresh_table(text, text, int, text, text, "any", jsonb, float8, boolean, boolean, int, bigint, bigint, boolean) IS
'As behav_recommend_table, in batches with a commit after each: goes on where a run was stopped, and after a whole run answers only users with new events. Example: CALL behav_refresh_table(''shop'', ''shop_recommendations'')';
