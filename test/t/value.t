#!/usr/bin/env bash
# What customers are worth, on real ones: CDNOW as published, Online Retail with its returns. A cancel, and the
# limit on memory.
. "$(dirname "$0")/lib.sh"

DATA=${BEHAVMINE_DATA:-$ROOT/../shared/data}
server_start main && sql "CREATE EXTENSION behavmine"
export PGOPTIONS="-c client_min_messages=warning -c behavmine.progress=off -c TimeZone=UTC"

if [ -r "$DATA/CDNOW_sample.txt.xz" ]; then
	sql "CREATE TABLE cdnow (id text, day date, dollars numeric)"
	xz -dc "$DATA/CDNOW_sample.txt.xz" | awk '{ print $1 "," $3 "," $5 }' | psql -Xqc "COPY cdnow FROM STDIN (FORMAT csv)"
	cols="data => 'cdnow', user_id => 'id', ts => 'day', value => 'dollars', until => '1997-10-01'"
	fit() { # algorithm: log-likelihood|parameters
		sql "SELECT round(log_likelihood::numeric, 5) || '|' || (SELECT string_agg(round(value::numeric, 5)::text, ' ' ORDER BY array_position('{r,alpha,a,b,s,beta}', key))
			FROM jsonb_each_text(details -> 'parameters')) || '|' || converged FROM behav_fit_value('$1', '$1', $cols)"
	}
	is "$(sql "SELECT count(*), count(DISTINCT id) FROM cdnow")" "6919|2357" "CDNOW is complete"
	is "$(fit bg_nbd)" "-9582.42921|0.24259 4.41360 0.79292 2.42591|true" "BG/NBD is the published one"
	is "$(fit mbg_nbd)" "-9582.13572|0.52484 6.18309 0.89136 1.61400|true" "MBG/NBD is the published one"
	# Fader and Hardie: r .553, alpha 10.578, s .606, beta 11.669, log-likelihood -9595.0
	is "$(fit pareto_nbd)" "-9594.97618|0.55328 10.57768 0.60624 11.66874|true" "Pareto/NBD is the published one"
	is "$(sql "SELECT round((metrics #>> '{spend,log_likelihood}')::numeric, 5), round((metrics #>> '{spend,parameters,p}')::numeric, 4), round((metrics #>> '{spend,parameters,q}')::numeric, 4),
		round((metrics #>> '{spend,parameters,v}')::numeric, 4), metrics #>> '{spend,customers}', round((metrics #>> '{spend,correlation}')::numeric, 3)
		FROM behavmine.version WHERE algorithm = 'bg_nbd'")" "-4055.91769|6.2496|3.7442|15.4435|946|0.114" "Gamma-Gamma is the published one"
	is "$(sql "SELECT count(*), round(sum(purchases)::numeric) FROM behav_clv_table('273 days', 'bg_nbd', '1997-10-01')")" "2357|1653" "expected purchases of the next 39 weeks"
	is "$(sql "SELECT frequency, round(purchases::numeric, 3), round(amount::numeric, 2) FROM behav_clv('00004', '273 days', 'bg_nbd', '1997-10-01')")" "2|1.226|24.65" "the customer of the papers"
	is "$(sql "SELECT count(*) FROM behav_rfm($cols) HAVING sum(frequency) = 2457 AND count(*) FILTER (WHERE frequency > 0) = 946")" "2357" "repeat purchases"
else
	echo "ok # skip no CDNOW_sample.txt.xz in $DATA"
fi

if [ -r "$DATA/online_retail.csv.xz" ]; then
	sql "CREATE TABLE retail (invoice text, code text, description text, quantity int, at text, price float8, customer text, country text)"
	xz -dc "$DATA/online_retail.csv.xz" | psql -Xqc "COPY retail FROM STDIN (FORMAT csv, HEADER, ENCODING 'latin1')"
	sql "CREATE VIEW sale AS SELECT invoice, quantity, price, customer, country, at::timestamp AS at FROM retail"
	cols="data => 'sale', user_id => 'customer', ts => 'at', value => 'price', quantity => 'quantity'"
	# who has only returns, or took all back, is no customer; the rest is
	is "$(sql "SELECT count(*) BETWEEN 4300 AND 4372, sum(returned) < -50000, min(total) >= 0, count(DISTINCT segment) FROM behav_rfm($cols)")" "t|t|t|11" "RFM of Online Retail, returns taken off"
	# nobody seems to leave: the likelihood rises towards no dropout, and the best point is flagged
	customers=$(sql "SELECT count(DISTINCT customer) FROM (SELECT customer FROM sale WHERE customer <> '' GROUP BY customer, at::date
		HAVING NOT (min(quantity * price::numeric) < 0 AND sum(quantity * price::numeric) <= 0)) x")
	is "$(sql "SELECT customers, log_likelihood BETWEEN -37400 AND -37300, converged, deployed, note LIKE 'The likelihood has no inner maximum%' FROM behav_fit_value('retail', $cols)")" "$customers|t|f|t|t" "its customers are fitted, or flagged"
	is "$(sql "SELECT bool_and(p_alive BETWEEN 0 AND 1), bool_and(value > 0), bool_and(discounted < value) FROM behav_clv_table('90 days', 'retail')")" "t|t|t" "every customer has a value"
	is "$(sql "SELECT count(DISTINCT series) > 30, bool_and(forecast >= 0 AND lower <= upper) FROM behav_forecast(data => 'sale', by => 'country', ts => 'at', quantity => 'quantity')")" "t|t" "demand by country"
else
	echo "ok # skip no online_retail.csv.xz in $DATA"
fi

# many series: a cancel while they are read or fitted, and the limit on memory
sql "CREATE TABLE many AS SELECT s AS item, '2024-01-01'::timestamptz + (d * 7 + s % 7) * interval '1 day' AS at, (s * d) % 13 AS pieces FROM generate_series(1, 6000) s, generate_series(0, 90) d"
start=$(date +%s%N)
sql "SET statement_timeout = '2s'; SELECT count(*) FROM behav_forecast(data => 'many', by => 'item', ts => 'at', quantity => 'pieces', options => '{\"paths\": 5000}')" 2>&1 | grep -q "statement timeout"
ok $? "a forecast of 6000 series is cancelled"
took=$((($(date +%s%N) - start) / 1000000))
[ "$took" -lt 4000 ]
ok $? "soon ($took ms)"
sql "SET behavmine.max_memory = '16MB'; SELECT count(*) FROM behav_forecast(data => 'many', by => 'item', ts => 'at', quantity => 'pieces', horizon => 1000)" 2>&1 | grep -q "max_memory"
ok $? "the limit on memory holds"
done_testing
