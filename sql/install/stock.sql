-- What to have in store, and when it is asked for: forecasts of demand, reorder points, hours of orders.

CREATE FUNCTION @extschema@.behav_forecast(
	source text = NULL, by name = NULL, period text = 'week', horizon int = 8,
	until timestamptz = NULL, data regclass = NULL, ts name = NULL, quantity name = NULL,
	options jsonb = '{}')
RETURNS TABLE (series text, period timestamptz, step int, forecast float8, lower float8, upper float8,
	method text, class text, mase float8)
AS 'MODULE_PATHNAME', 'behav_forecast' LANGUAGE C STABLE PARALLEL RESTRICTED COST 10000 ROWS 10000;
COMMENT ON FUNCTION @extschema@.behav_forecast(text, name, text, int, timestamptz, regclass, name, name, jsonb) IS
'The demand of the next periods for each item (or value of another column) with prediction intervals; the method of each series is chosen by rolling origin. Example: SELECT * FROM behav_forecast(''shop'', horizon => 4)';

CREATE FUNCTION @extschema@.behav_forecast_quality(
	source text = NULL, by name = NULL, period text = 'week', horizon int = 8,
	until timestamptz = NULL, data regclass = NULL, ts name = NULL, quantity name = NULL,
	options jsonb = '{}')
RETURNS TABLE (series text, class text, periods bigint, total float8, adi float8, cv2 float8,
	method text, origins bigint, mae float8, mase float8, mase_naive float8, mase_mean float8,
	cost float8, cost_naive float8, cost_mean float8)
AS 'MODULE_PATHNAME', 'behav_forecast_quality' LANGUAGE C STABLE PARALLEL RESTRICTED COST 10000 ROWS 1000;
COMMENT ON FUNCTION @extschema@.behav_forecast_quality(text, name, text, int, timestamptz, regclass, name, name, jsonb) IS
'How well each series of behav_forecast is forecast: class of demand, errors and cost of stock beside those of seasonal naive and of the mean. Example: SELECT class, avg(mase), avg(mase_naive) FROM behav_forecast_quality(''shop'') GROUP BY 1';

CREATE FUNCTION @extschema@.behav_reorder(
	lead_time interval, service_level float8 = 0.95, source text = NULL, by name = NULL,
	period text = 'week', review interval = NULL, until timestamptz = NULL, data regclass = NULL,
	ts name = NULL, quantity name = NULL, options jsonb = '{}')
RETURNS TABLE (series text, class text, method text, demand float8, lead_demand float8,
	safety_stock float8, reorder_point float8, order_quantity float8)
AS 'MODULE_PATHNAME', 'behav_reorder' LANGUAGE C STABLE PARALLEL RESTRICTED COST 10000 ROWS 1000;
COMMENT ON FUNCTION @extschema@.behav_reorder(interval, float8, text, name, text, interval, timestamptz, regclass, name, name, jsonb) IS
'At which stock to order each item again, and how much, so that all demand is served with a probability. Example: SELECT * FROM behav_reorder(''10 days'', 0.95, ''shop'')';

CREATE FUNCTION @extschema@.behav_fit_forecast(
	model text, source text = NULL, by name = NULL, period text = 'week', horizon int = 8,
	until timestamptz = NULL, data regclass = NULL, ts name = NULL, quantity name = NULL,
	options jsonb = '{}', deploy boolean = true)
RETURNS TABLE (model text, version int, series bigint, horizon int, mase float8, mase_naive float8,
	seconds float8, deployed boolean)
AS 'MODULE_PATHNAME', 'behav_fit_forecast' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100000 ROWS 1;
COMMENT ON FUNCTION @extschema@.behav_fit_forecast(text, text, name, text, int, timestamptz, regclass, name, name, jsonb, boolean) IS
'Forecast as behav_forecast does, and keep the forecasts as a new version of a model. Example: SELECT * FROM behav_fit_forecast(''shop_demand'', source => ''shop'')';

CREATE FUNCTION @extschema@.behav_forecast_table(
	model text = NULL)
RETURNS TABLE (series text, period timestamptz, step int, forecast float8, lower float8, upper float8,
	method text, class text, mase float8)
AS 'MODULE_PATHNAME', 'behav_forecast_table' LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000 ROWS 10000;
COMMENT ON FUNCTION @extschema@.behav_forecast_table(text) IS
'The forecasts of the deployed version of a model of task forecast. Example: SELECT series, period, forecast FROM behav_forecast_table(''shop_demand'')';

CREATE FUNCTION @extschema@.behav_delivery(
	source text = NULL, region name = NULL, since timestamptz = NULL,
	until timestamptz = NULL, data regclass = NULL, ts name = NULL, user_id name = NULL,
	options jsonb = '{}')
RETURNS TABLE (region text, weekday int, hour int, orders bigint, share float8, per_hour float8,
	busiest bigint)
AS 'MODULE_PATHNAME', 'behav_delivery' LANGUAGE C STABLE PARALLEL RESTRICTED COST 10000 ROWS 168;
COMMENT ON FUNCTION @extschema@.behav_delivery(text, name, timestamptz, timestamptz, regclass, name, name, jsonb) IS
'Orders by hour of the week for each region: share, mean and largest number in one hour; weekday 1 is Monday. Example: SELECT * FROM behav_delivery(''shop'', options => ''{"time_zone": "Europe/Berlin"}'') ORDER BY per_hour DESC LIMIT 5';
