-- Models of rows: answers, explanations, measurements.

CREATE FUNCTION @extschema@.behav_predict(
	model text, "row" anyelement,
	OUT class text, OUT probability float8, OUT probabilities jsonb, OUT value float8)
AS 'MODULE_PATHNAME', 'behav_predict' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 100;
COMMENT ON FUNCTION @extschema@.behav_predict(text, anyelement) IS
'What a model of rows answers for one row of a table, or for a JSON object: the class with its probability (of the positive class where there are two), or the value. Example: SELECT t.*, p.class, p.probability FROM user_data t, behav_predict(''churn'', t) p';

CREATE FUNCTION @extschema@.behav_predict_table(
	model text, data regclass, into_table text, id name)
RETURNS TABLE (rows bigint, seconds float8)
AS 'MODULE_PATHNAME', 'behav_predict_table' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100000 ROWS 1;
COMMENT ON FUNCTION @extschema@.behav_predict_table(text, regclass, text, name) IS
'Answers for every row into a table (the id column, class, probability, value, model, version), made when it does not exist; earlier rows of the model are replaced. Example: SELECT * FROM behav_predict_table(''churn'', ''user_data'', ''churn_scores'', ''user_id'')';

CREATE FUNCTION @extschema@.behav_explain_row(model text, "row" anyelement, class text = NULL)
RETURNS TABLE (feature text, value text, share float8)
AS 'MODULE_PATHNAME', 'behav_explain_row' LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000 ROWS 20;
COMMENT ON FUNCTION @extschema@.behav_explain_row(text, anyelement, text) IS
'What each column of a row adds to the answer, in log-odds of the class or in units of the value, the strongest first. Example: SELECT e.* FROM user_data t, behav_explain_row(''churn'', t) e WHERE t.user_id = 42';

CREATE FUNCTION @extschema@.behav_importance(model text, version int = NULL)
RETURNS TABLE (feature text, importance float8, sd float8)
AS 'MODULE_PATHNAME', 'behav_importance' LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000 ROWS 20;
COMMENT ON FUNCTION @extschema@.behav_importance(text, int) IS
'What the model''s quality on validation loses when the values of one column are shuffled: the permutation importance. Example: SELECT * FROM behav_importance(''churn'') LIMIT 5';

CREATE FUNCTION @extschema@.behav_evaluate_rows(
	model text, data regclass = NULL, version int = NULL, target name = NULL)
RETURNS TABLE (part text, metric text, class text, value float8, baseline float8, sd float8)
AS 'MODULE_PATHNAME', 'behav_evaluate_rows' LANGUAGE C STABLE PARALLEL RESTRICTED COST 100000 ROWS 40;
COMMENT ON FUNCTION @extschema@.behav_evaluate_rows(text, regclass, int, name) IS
'Every metric of a model of rows beside its baseline: as measured when it was trained (test, validation, folds), or on the rows of a table. Example: SELECT metric, value, baseline FROM behav_evaluate_rows(''churn'') WHERE part = ''test'' AND class IS NULL';

CREATE FUNCTION @extschema@.behav_confusion(
	model text, data regclass = NULL, version int = NULL, target name = NULL)
RETURNS TABLE (actual text, predicted text, n bigint, share float8)
AS 'MODULE_PATHNAME', 'behav_confusion' LANGUAGE C STABLE PARALLEL RESTRICTED COST 100000 ROWS 9;
COMMENT ON FUNCTION @extschema@.behav_confusion(text, regclass, int, name) IS
'Which classes are answered for which: rows of the test part (or of a table) by actual and predicted class. Example: SELECT * FROM behav_confusion(''churn'')';

CREATE FUNCTION @extschema@.behav_calibration(
	model text, data regclass = NULL, version int = NULL, target name = NULL, bins int = 10)
RETURNS TABLE (class text, bin int, n float8, low float8, high float8, predicted float8, observed float8)
AS 'MODULE_PATHNAME', 'behav_calibration' LANGUAGE C STABLE PARALLEL RESTRICTED COST 100000 ROWS 10;
COMMENT ON FUNCTION @extschema@.behav_calibration(text, regclass, int, name, int) IS
'Do probabilities mean what they say? Bins of equally many rows: mean probability beside the share that was seen, lowest first. Bins other than 10 need data. Example: SELECT predicted, observed FROM behav_calibration(''churn'')';

CREATE FUNCTION @extschema@.behav_lift(
	model text, data regclass = NULL, version int = NULL, target name = NULL, bins int = 10)
RETURNS TABLE (
	class text, bin int, n float8, positives float8, rate float8, lift float8, gain float8,
	cumulative_lift float8)
AS 'MODULE_PATHNAME', 'behav_lift' LANGUAGE C STABLE PARALLEL RESTRICTED COST 100000 ROWS 10;
COMMENT ON FUNCTION @extschema@.behav_lift(text, regclass, int, name, int) IS
'Whom to address first: bins of equally many rows from the highest probability down, with the rate of the class, its lift over all, and the share of all of them that is reached so far. Bins other than 10 need data. Example: SELECT bin, lift, gain FROM behav_lift(''churn'')';
