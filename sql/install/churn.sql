-- Who leaves: customers at a cut in time, models, risk, survival.

CREATE FUNCTION @extschema@.behav_churn_features(
	source text = NULL, at timestamptz = NULL, horizon interval = '90 days',
	data regclass = NULL, user_id name = NULL, ts name = NULL, value name = NULL, quantity name = NULL,
	options jsonb = '{}')
RETURNS TABLE (
	user_id text, cut timestamptz,
	recency float8, tenure float8, purchases float8, frequency float8, gap_mean float8, gap_sd float8, recency_gaps float8, recent float8, trend float8, weekend float8, evening float8,
	total float8, basket float8, recent_total float8, returned float8, items float8, events float8, active_days float8, idle float8, categories float8,
	churned boolean)
AS 'MODULE_PATHNAME', 'behav_churn_features' LANGUAGE C STABLE PARALLEL RESTRICTED COST 100000 ROWS 1000;
COMMENT ON FUNCTION @extschema@.behav_churn_features(text, timestamptz, interval, regclass, name, name, name, name, jsonb) IS
'What was known of every customer before a time, from events before it alone, and whether no purchase followed within the horizon (NULL: not known yet). Example: SELECT * FROM behav_churn_features(''shop'', ''2024-03-01'', ''30 days'')';

CREATE FUNCTION @extschema@.behav_churn(
	model text, source text = NULL, horizon interval = '90 days', algorithm text = NULL,
	data regclass = NULL, user_id name = NULL, ts name = NULL, value name = NULL, quantity name = NULL,
	options jsonb = '{}', deploy text = 'if_better', seed bigint = 0)
RETURNS TABLE (
	model text, version int, answer text, customers bigint, auc float8, accuracy float8, log_loss float8,
	brier float8, tested_at timestamptz, deployed boolean, note text)
AS 'MODULE_PATHNAME', 'behav_churn' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100000 ROWS 3;
COMMENT ON FUNCTION @extschema@.behav_churn(text, text, interval, text, regclass, name, name, name, name, jsonb, text, bigint) IS
'Train a model of who does not buy within a horizon as a new version, tested on the newest customers beside the rule of the longest silence and the majority. Example: SELECT * FROM behav_churn(''leaving'', ''shop'', ''30 days'')';

CREATE FUNCTION @extschema@.behav_churn_risk(
	user_id bigint, model text, at timestamptz = NULL)
RETURNS TABLE (
	user_id text, probability float8, at timestamptz, until timestamptz, recency float8, purchases float8)
AS 'MODULE_PATHNAME', 'behav_churn_risk' LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000 ROWS 1;
COMMENT ON FUNCTION @extschema@.behav_churn_risk(bigint, text, timestamptz) IS
'Probability that a customer does not buy within the model''s horizon, from the events as they stand. Example: SELECT * FROM behav_churn_risk(42, ''leaving'')';

CREATE FUNCTION @extschema@.behav_churn_risk(
	user_id text, model text, at timestamptz = NULL)
RETURNS TABLE (
	user_id text, probability float8, at timestamptz, until timestamptz, recency float8, purchases float8)
AS 'MODULE_PATHNAME', 'behav_churn_risk' LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000 ROWS 1;
COMMENT ON FUNCTION @extschema@.behav_churn_risk(text, text, timestamptz) IS
'Probability that a customer does not buy within the model''s horizon, from the events as they stand, for customers that are texts. Example: SELECT * FROM behav_churn_risk(''u42'', ''leaving'')';

CREATE FUNCTION @extschema@.behav_churn_risk(
	user_id uuid, model text, at timestamptz = NULL)
RETURNS TABLE (
	user_id text, probability float8, at timestamptz, until timestamptz, recency float8, purchases float8)
AS 'MODULE_PATHNAME', 'behav_churn_risk' LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000 ROWS 1;
COMMENT ON FUNCTION @extschema@.behav_churn_risk(uuid, text, timestamptz) IS
'Probability that a customer does not buy within the model''s horizon, from the events as they stand, for customers that are uuids. Example: SELECT * FROM behav_churn_risk(''a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11''::uuid, ''leaving'')';

CREATE FUNCTION @extschema@.behav_churn_table(
	model text, at timestamptz = NULL)
RETURNS TABLE (
	user_id text, probability float8, at timestamptz, until timestamptz, recency float8, purchases float8)
AS 'MODULE_PATHNAME', 'behav_churn_table' LANGUAGE C STABLE PARALLEL RESTRICTED COST 100000 ROWS 10000;
COMMENT ON FUNCTION @extschema@.behav_churn_table(text, timestamptz) IS
'As behav_churn_risk, for every customer. Example: SELECT * FROM behav_churn_table(''leaving'') ORDER BY probability DESC LIMIT 100';

CREATE FUNCTION @extschema@.behav_churn_survival(
	source text = NULL, horizon interval = '90 days', segments regclass = NULL,
	segment name = 'segment', segment_user name = 'user_id',
	data regclass = NULL, user_id name = NULL, ts name = NULL, value name = NULL, quantity name = NULL,
	options jsonb = '{}')
RETURNS TABLE (
	segment text, days float8, at_risk bigint, churned bigint, censored bigint, survival float8, low float8,
	high float8)
AS 'MODULE_PATHNAME', 'behav_churn_survival' LANGUAGE C STABLE PARALLEL RESTRICTED COST 100000 ROWS 1000;
COMMENT ON FUNCTION @extschema@.behav_churn_survival(text, interval, regclass, name, name, regclass, name, name, name, name, jsonb) IS
'How long customers stay, by segment of a table or by quarter of the first purchase: Kaplan-Meier curves until the first purchase that none follows within the horizon. Example: SELECT * FROM behav_churn_survival(''shop'', ''30 days'', ''user_segment'')';
