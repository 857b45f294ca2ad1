-- What customers are worth: recency, frequency, value; models of purchases and amounts; the next purchase.

CREATE FUNCTION @extschema@.behav_rfm(
	source text = NULL, until timestamptz = NULL, data regclass = NULL, user_id name = NULL, ts name = NULL,
	value name = NULL, quantity name = NULL,
	options jsonb = '{}')
RETURNS TABLE (user_id text, purchases bigint, frequency bigint, recency float8, t float8, monetary float8,
	total float8, returned float8, last_purchase timestamptz, r int, f int, m int, segment text)
AS 'MODULE_PATHNAME', 'behav_rfm' LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000 ROWS 1000;
COMMENT ON FUNCTION @extschema@.behav_rfm(text, timestamptz, regclass, name, name, name, name, jsonb) IS
'Recency, frequency and value of every customer of a source or table, in days, with scores 1 to 5 and a named segment. Example: SELECT segment, count(*) FROM behav_rfm(''shop'') GROUP BY 1';

CREATE FUNCTION @extschema@.behav_fit_value(
	model text, algorithm text = 'bg_nbd', source text = NULL, until timestamptz = NULL,
	data regclass = NULL, user_id name = NULL, ts name = NULL,
	value name = NULL, quantity name = NULL,
	options jsonb = '{}', deploy text = 'always')
RETURNS TABLE (model text, version int, algorithm text, customers bigint, repeaters bigint,
	log_likelihood float8, converged boolean, details jsonb, spend_log_likelihood float8, seconds float8,
	deployed boolean, note text)
AS 'MODULE_PATHNAME', 'behav_fit_value' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100000 ROWS 1;
COMMENT ON FUNCTION @extschema@.behav_fit_value(text, text, text, timestamptz, regclass, name, name, name, name, jsonb, text) IS
'Fit how often customers buy, when they leave and what they spend (bg_nbd, mbg_nbd, pareto_nbd; Gamma-Gamma) as a new version of a model. Example: SELECT * FROM behav_fit_value(''shop_value'', source => ''shop'')';

CREATE FUNCTION @extschema@.behav_clv(
	user_id bigint, horizon interval = '1 year', model text = NULL, at timestamptz = NULL,
	discount float8 = 0.1)
RETURNS TABLE (user_id text, frequency bigint, recency float8, t float8, monetary float8, p_alive float8,
	purchases float8, amount float8, value float8, discounted float8)
AS 'MODULE_PATHNAME', 'behav_clv' LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000 ROWS 1;
COMMENT ON FUNCTION @extschema@.behav_clv(bigint, interval, text, timestamptz, float8) IS
'What the deployed model of task value says of one customer: probability to be still one, expected purchases and amount within the horizon. Example: SELECT * FROM behav_clv(42)';

CREATE FUNCTION @extschema@.behav_clv(
	user_id text, horizon interval = '1 year', model text = NULL, at timestamptz = NULL,
	discount float8 = 0.1)
RETURNS TABLE (user_id text, frequency bigint, recency float8, t float8, monetary float8, p_alive float8,
	purchases float8, amount float8, value float8, discounted float8)
AS 'MODULE_PATHNAME', 'behav_clv' LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000 ROWS 1;
COMMENT ON FUNCTION @extschema@.behav_clv(text, interval, text, timestamptz, float8) IS
'What the deployed model of task value says of one customer, for customers that are texts: probability to be still one, expected purchases and amount within the horizon. Example: SELECT * FROM behav_clv(''u42'')';

CREATE FUNCTION @extschema@.behav_clv(
	user_id uuid, horizon interval = '1 year', model text = NULL, at timestamptz = NULL,
	discount float8 = 0.1)
RETURNS TABLE (user_id text, frequency bigint, recency float8, t float8, monetary float8, p_alive float8,
	purchases float8, amount float8, value float8, discounted float8)
AS 'MODULE_PATHNAME', 'behav_clv' LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000 ROWS 1;
COMMENT ON FUNCTION @extschema@.behav_clv(uuid, interval, text, timestamptz, float8) IS
'What the deployed model of task value says of one customer, for customers that are uuids: probability to be still one, expected purchases and amount within the horizon. Example: SELECT * FROM behav_clv(''a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11''::uuid)';

CREATE FUNCTION @extschema@.behav_clv_table(
	horizon interval = '1 year', model text = NULL, at timestamptz = NULL,
	discount float8 = 0.1)
RETURNS TABLE (user_id text, frequency bigint, recency float8, t float8, monetary float8, p_alive float8,
	purchases float8, amount float8, value float8, discounted float8)
AS 'MODULE_PATHNAME', 'behav_clv_table' LANGUAGE C STABLE PARALLEL RESTRICTED COST 10000 ROWS 10000;
COMMENT ON FUNCTION @extschema@.behav_clv_table(interval, text, timestamptz, float8) IS
'As behav_clv, for every customer. Example: SELECT * FROM behav_clv_table(''90 days'') ORDER BY value DESC LIMIT 10';

CREATE FUNCTION @extschema@.behav_next_purchase(
	user_id bigint, horizon interval = '30 days', model text = NULL,
	at timestamptz = NULL, low float8 = 0.1, high float8 = 0.9)
RETURNS TABLE (user_id text, last_purchase timestamptz, p_alive float8, within float8,
	early timestamptz, median timestamptz, late timestamptz, median_if_alive timestamptz)
AS 'MODULE_PATHNAME', 'behav_next_purchase' LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000 ROWS 1;
COMMENT ON FUNCTION @extschema@.behav_next_purchase(bigint, interval, text, timestamptz, float8, float8) IS
'When one customer will buy next: probability within the horizon, and dates by which it has happened with probability low, one half, high. Example: SELECT * FROM behav_next_purchase(42)';

CREATE FUNCTION @extschema@.behav_next_purchase(
	user_id text, horizon interval = '30 days', model text = NULL,
	at timestamptz = NULL, low float8 = 0.1, high float8 = 0.9)
RETURNS TABLE (user_id text, last_purchase timestamptz, p_alive float8, within float8,
	early timestamptz, median timestamptz, late timestamptz, median_if_alive timestamptz)
AS 'MODULE_PATHNAME', 'behav_next_purchase' LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000 ROWS 1;
COMMENT ON FUNCTION @extschema@.behav_next_purchase(text, interval, text, timestamptz, float8, float8) IS
'When one customer will buy next, for customers that are texts: probability within the horizon, and dates by which it has happened with probability low, one half, high. Example: SELECT * FROM behav_next_purchase(''u42'')';

CREATE FUNCTION @extschema@.behav_next_purchase(
	user_id uuid, horizon interval = '30 days', model text = NULL,
	at timestamptz = NULL, low float8 = 0.1, high float8 = 0.9)
RETURNS TABLE (user_id text, last_purchase timestamptz, p_alive float8, within float8,
	early timestamptz, median timestamptz, late timestamptz, median_if_alive timestamptz)
AS 'MODULE_PATHNAME', 'behav_next_purchase' LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000 ROWS 1;
COMMENT ON FUNCTION @extschema@.behav_next_purchase(uuid, interval, text, timestamptz, float8, float8) IS
'When one customer will buy next, for customers that are uuids: probability within the horizon, and dates by which it has happened with probability low, one half, high. Example: SELECT * FROM behav_next_purchase(''a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11''::uuid)';

CREATE FUNCTION @extschema@.behav_next_purchase_table(
	horizon interval = '30 days', model text = NULL, at timestamptz = NULL,
	low float8 = 0.1, high float8 = 0.9)
RETURNS TABLE (user_id text, last_purchase timestamptz, p_alive float8, within float8,
	early timestamptz, median timestamptz, late timestamptz, median_if_alive timestamptz)
AS 'MODULE_PATHNAME', 'behav_next_purchase_table' LANGUAGE C STABLE PARALLEL RESTRICTED COST 10000 ROWS 10000;
COMMENT ON FUNCTION @extschema@.behav_next_purchase_table(interval, text, timestamptz, float8, float8) IS
'As behav_next_purchase, for every customer. Example: SELECT * FROM behav_next_purchase_table(''14 days'') WHERE within > 0.5';
