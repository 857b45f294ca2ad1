-- Whom to address under a budget.

CREATE FUNCTION @extschema@.behav_target(
	data regclass, budget float8, user_id name = 'user_id', offer name = NULL, uplift name = 'uplift',
	cost name = NULL, value name = NULL, low name = NULL, high name = NULL, model text = NULL,
	source text = NULL, options jsonb = '{}')
RETURNS TABLE (
	user_id text, offer text, gain float8, low float8, high float8, cost float8, rank bigint,
	cumulative_cost float8, cumulative_gain float8, hour int, weekday int)
AS 'MODULE_PATHNAME', 'behav_target' LANGUAGE C STABLE PARALLEL RESTRICTED COST 100000 ROWS 1000;
COMMENT ON FUNCTION @extschema@.behav_target(regclass, float8, name, name, name, name, name, name, name, text, text, jsonb) IS
'Who gets which offer, and at what hour and weekday, so that the expected gain under the budget is largest: the best for the money first. Example: SELECT * FROM behav_target(''customers'', 500, model => ''mail'', source => ''shop'', options => ''{"cost": 0.5, "value": 20}'')';

CREATE FUNCTION @extschema@.behav_target_summary(
	data regclass, budget float8, user_id name = 'user_id', offer name = NULL, uplift name = 'uplift',
	cost name = NULL, value name = NULL, low name = NULL, high name = NULL, model text = NULL,
	source text = NULL, options jsonb = '{}')
RETURNS TABLE (
	plan text, people float8, cost float8, gain float8, low float8, high float8, share_of_bound float8)
AS 'MODULE_PATHNAME', 'behav_target_summary' LANGUAGE C STABLE PARALLEL RESTRICTED COST 100000 ROWS 4;
COMMENT ON FUNCTION @extschema@.behav_target_summary(regclass, float8, name, name, name, name, name, name, name, text, text, jsonb) IS
'What the choice of behav_target costs and gains, beside the bound that no choice under the budget exceeds, a random choice, and everybody. Example: SELECT * FROM behav_target_summary(''customers'', 500, model => ''mail'', options => ''{"cost": 0.5, "value": 20}'')';
