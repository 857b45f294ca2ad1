# Sourced by demo/run: what people do, by counting, for any source "shop". A question that these events cannot
# answer, or not within some seconds, is passed over. Each that was answered leaves $WORK/<name>.sql for the report.

# Title, statement and answer, where there is one.
ask() { # name title statement
	printf '%s\n' "$3" >"$WORK/$1.sql"
	if PGOPTIONS="-c statement_timeout=5s -c client_min_messages=error" psql -X -v ON_ERROR_STOP=1 -P footer=off -P null='' \
		-f "$WORK/$1.sql" >"$WORK/answer" 2>/dev/null && [ "$(sed '/^$/d' "$WORK/answer" | wc -l)" -gt 2 ]; then
		printf '%s\n\nshop=> %s;\n' "$2" "$3"
		cat "$WORK/answer"
	else
		rm "$WORK/$1.sql"
		return 1
	fi
}

# The behaviours that tell most, as literals in the order of a purchase: viewed, put into the cart (or, in a shop
# without one, marked), bought. The most frequent name of each kind.
telling_behaviours() {
	sql "WITH names AS (
		SELECT state AS name, visits, lower(state) AS n FROM behav_transitions('shop', options => '{\"node\": \"event\"}')
			AS t (state, target, visits) WHERE state NOT IN ('(start)', 'other')),
	kinds AS (
		SELECT name, sum(visits) AS visits, CASE
			WHEN n ~ 'remove|cancel|refund|return' THEN NULL
			WHEN n ~ 'view|^pv$|click|visit|detail' THEN 1
			WHEN n ~ 'cart|basket' THEN 2
			WHEN n ~ 'fav|like|wish|collect' THEN 3
			WHEN n ~ 'purchase|buy|bought|order|transaction|sale|paid' THEN 4 END AS kind
		FROM names GROUP BY 1, 3),
	best AS (SELECT DISTINCT ON (kind) kind, name FROM kinds WHERE kind IS NOT NULL ORDER BY kind, visits DESC, name)
	SELECT quote_literal(name) FROM best
	WHERE kind <> 3 OR NOT EXISTS (SELECT FROM best WHERE kind = 2) ORDER BY kind" 2>/dev/null || true
}

# Months, weeks or days: whichever gives some periods, by the days on which there was somebody.
grain_of_source() {
	sql "SELECT CASE WHEN count(*) > 120 THEN 'month' WHEN count(*) > 21 THEN 'week' ELSE 'day' END
		FROM behav_lifecycle('shop', 'day') WHERE new_users + returning_users + resurrecting_users > 0" 2>/dev/null || echo day
}

what_people_do() {
	local steps last grain
	steps=$(telling_behaviours)
	last=$(printf '%s\n' "$steps" | tail -1)
	grain=$(grain_of_source)
	if [ "$(printf '%s\n' "$steps" | wc -l)" -gt 1 ]; then
		ask funnel "Where do they drop out?" "SELECT step, name, users, round(100 * conversion::numeric, 1) AS percent, drop_off,
       round(median_seconds) AS median_seconds
FROM behav_funnel('shop', ARRAY[$(printf '%s\n' "$steps" | awk '{ printf (NR > 1 ? ", %s" : "%s"), $0 }')], within => '1 day')" || true
		ask paths "Which way do sessions take to the last step?" "SELECT path, sessions, users, round(100 * share::numeric, 1) AS percent, median_seconds::int
FROM behav_paths('shop', end_event => $last, k => 5)" || true
	fi
	ask retention "Who comes back?" "SELECT label, size, users, round(100 * share::numeric, 1) AS percent
FROM behav_retention('shop', '$grain', periods => 6) WHERE cohort IS NULL" || true
	# items of one time, as of an order, have no order among themselves
	if [ -n "$steps" ] && ask patterns "What is looked at next?" "SELECT pattern, support AS sessions, date_trunc('second', median_span) AS median_span
FROM behav_patterns('shop', k => 20, options =>
    '{\"per\": \"session\", \"collapse_repeats\": true, \"min_length\": 2, \"max_gap\": 0}') WHERE median_span > '0' LIMIT 5"; then
		:
	else
		ask patterns "What is taken later?" "SELECT pattern, support AS users, date_trunc('second', median_span) AS median_span
FROM behav_patterns('shop', k => 20, options => '{\"element\": \"time\", \"min_length\": 2}') WHERE median_span > '0' LIMIT 5" || true
	fi
	ask rules "What is bought together?" "SELECT lhs, rhs, n AS baskets, round(confidence::numeric, 2) AS confidence, round(lift::numeric, 1) AS lift
FROM behav_rules('shop', min_support => 0.002, min_confidence => 0.2, options => '{\"max_lhs\": 1}')
WHERE p_adj < 0.01 ORDER BY lift DESC, lhs LIMIT 5" ||
		ask rules "What is looked at or bought together?" "SELECT lhs, rhs, n AS baskets, round(confidence::numeric, 2) AS confidence, round(lift::numeric, 1) AS lift
FROM behav_rules('shop', min_support => 5, min_confidence => 0.2, options => '{\"max_lhs\": 1, \"events\": \"all\"}')
WHERE p_adj < 0.01 ORDER BY lift DESC, lhs LIMIT 5" || true
}
