# Sourced by demo/run: report prints a page of its own, without scripts or links, from the shop's tables.

# Bars of NDCG@10, one an algorithm, the deployed one dark.
chart_quality() {
	sql "WITH m AS (
		SELECT c->>'algorithm' AS a, (c->'test'->>'ndcg@10')::float8 AS v, v.algorithm
		FROM behav_versions v, jsonb_array_elements(v.metrics->'candidates') c
		UNION ALL SELECT algorithm, value, algorithm FROM behav_versions WHERE algorithm = 'blend'),
	r AS (SELECT a, v, a = algorithm AS chosen, row_number() OVER (ORDER BY v DESC) - 1 AS i,
		greatest(max(v) OVER (), 1e-9) AS top FROM m)
	SELECT format('<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 640 %s\" font-family=\"sans-serif\" font-size=\"14\" role=\"img\">', 34 * count(*) + 10)
		|| '<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>'
		|| string_agg(format('<text x=\"100\" y=\"%s\" text-anchor=\"end\" fill=\"#222\">%s</text><rect x=\"110\" y=\"%s\" width=\"%s\" height=\"22\" rx=\"3\" fill=\"%s\"/><text x=\"%s\" y=\"%s\" fill=\"#555\">%s</text>',
			34 * i + 22, a, 34 * i + 6, round((430 * v / top)::numeric, 1), CASE WHEN chosen THEN '#2a6f97' ELSE '#a9c6d8' END,
			118 + round((430 * v / top)::numeric, 1), 34 * i + 22, round(v::numeric, 4)), E'\n' ORDER BY i) || '</svg>' FROM r"
}

# The network's curve: NDCG@10 on the validation part after each epoch. Nothing without a network.
chart_curve() {
	sql "WITH h AS (SELECT epoch, value FROM behav_history('shop')),
	s AS (SELECT max(epoch) AS last, greatest(max(value), 1e-9) AS top FROM h HAVING count(*) > 1)
	SELECT '<h2>How the network learned: NDCG@10 on the validation part, epoch by epoch</h2>'
		|| '<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 640 190\" font-family=\"sans-serif\" font-size=\"14\" role=\"img\">'
		|| '<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/><path d=\"M60 10V160H620\" fill=\"none\" stroke=\"#999\"/>'
		|| format('<text x=\"52\" y=\"24\" text-anchor=\"end\" fill=\"#555\">%s</text><text x=\"52\" y=\"164\" text-anchor=\"end\" fill=\"#555\">0</text>', round(top::numeric, 3))
		|| format('<text x=\"60\" y=\"180\" fill=\"#555\">1</text><text x=\"620\" y=\"180\" text-anchor=\"end\" fill=\"#555\">epoch %s</text>', last)
		|| (SELECT '<polyline fill=\"none\" stroke=\"#2a6f97\" stroke-width=\"2\" points=\"' || string_agg(format('%s,%s',
			round((60 + 560.0 * (epoch - 1) / greatest(last - 1, 1))::numeric, 1), round((160 - 140 * value / top)::numeric, 1)), ' ' ORDER BY epoch) || '\"/>' FROM h)
		|| '</svg>' FROM s"
}

# Bars of the users at each step of the funnel; what was lost since the step before is light.
chart_funnel() {
	sql "WITH f AS ($(cat "$WORK/funnel.sql")),
	r AS (SELECT 34 * step - 28 AS y, replace(replace(replace(left(name, 14), '&', '&amp;'), '<', '&lt;'), '>', '&gt;') AS name,
		users, percent, drop_off, 330.0 / greatest(max(users) OVER (), 1) AS unit FROM f)
	SELECT format('<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 640 %s\" font-family=\"sans-serif\" font-size=\"14\" role=\"img\">', 34 * count(*) + 10)
		|| '<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>'
		|| string_agg(format('<text x=\"100\" y=\"%s\" text-anchor=\"end\" fill=\"#222\">%s</text><rect x=\"110\" y=\"%s\" width=\"%s\" height=\"22\" rx=\"3\" fill=\"#a9c6d8\"/><rect x=\"110\" y=\"%s\" width=\"%s\" height=\"22\" rx=\"3\" fill=\"#2a6f97\"/><text x=\"%s\" y=\"%s\" fill=\"#555\">%s</text>',
			y + 16, name, y, round(unit * (users + drop_off), 1), y, round(unit * users, 1),
			118 + round(unit * (users + drop_off), 1), y + 16,
			concat(to_char(users, 'FM999,999,999'), ' (', percent, ' %)',
				', ' || to_char(nullif(drop_off, 0), 'FM999,999,999') || ' lost')), E'\n' ORDER BY y) || '</svg>' FROM r"
}

# A question of demo/behaviour.sh that was answered, as a table.
answer() { # name heading
	[ -f "$WORK/$1.sql" ] || return 0
	echo "<h2>$2</h2>"
	[ "$1" = funnel ] && chart_funnel
	table "$(cat "$WORK/$1.sql")"
}

table() { psql -X -H -P footer=off -P tableattr='' -P border=0 -P null='' -c "$1"; }

report() {
	cat <<'HTML'
<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>behavmine: the shop</title><style>
body { font: 15px/1.5 sans-serif; color: #222; background: #fff; max-width: 860px; margin: 2em auto; padding: 0 1em }
h1 { font-size: 1.6em } h2 { font-size: 1.15em; margin-top: 2em; border-bottom: 1px solid #ddd; padding-bottom: .2em }
table { border-collapse: collapse; font-size: .92em; min-width: 60% } th, td { text-align: left; padding: .25em .8em; border-bottom: 1px solid #eee; vertical-align: top }
th { background: #f3f6f8 } td[align=right] { text-align: right; font-variant-numeric: tabular-nums } p { color: #555 } svg { width: 100%; max-width: 640px }
</style></head><body>
HTML
	sql "SELECT format('<h1>%s events, %s users, %s items</h1><p>Events until %s. Model <b>%s</b>, version %s: <b>%s</b>, trained in %s s. NDCG@10 on new events: %s%s; popularity alone: %s.</p>',
		to_char(rows, 'FM999,999,999'), to_char(users, 'FM999,999,999'), to_char(items, 'FM999,999,999'),
		to_char(watermark, 'YYYY-MM-DD'), model, version, algorithm, round(seconds::numeric, 1),
		round(value::numeric, 4), ' (' || round((value / nullif(baseline, 0))::numeric, 1) || ' times that of popularity)', round(baseline::numeric, 4))
		FROM behav_versions ORDER BY version DESC LIMIT 1"
	answer funnel "Where people drop out: within a day of the first step"
	answer paths "Which way sessions take to the last step"
	answer retention "Who comes back, all cohorts together"
	answer patterns "What follows what"
	answer rules "What goes together in a basket"
	echo "<h2>Quality on the newest tenth of the events: NDCG@10, all items ranked</h2>"
	chart_quality
	echo "<p>The dark bar is deployed. Every algorithm was fitted on the oldest events, its setting chosen on later ones, and measured once on the newest.</p>"
	table "$(cat "$WORK/candidates.sql")"
	chart_curve
	echo "<h2>Recommendations for user $user</h2>"
	table "SELECT rank, item_id AS item, round(score::numeric, 3) AS score, reason FROM behav_recommend($user)"
	echo "<h2>The newest events of user $user</h2>"
	table "SELECT $(sql "SELECT concat_ws(', ', format('%I AS item', item_id), CASE WHEN event IS NOT NULL THEN format('%I AS event', event) END, format('%I AS time', ts)) FROM behav_sources")
		FROM $relation WHERE $user_column = $user ORDER BY $(sql "SELECT quote_ident(ts) FROM behav_sources") DESC LIMIT 10"
	echo "<h2>What was found in the data</h2>"
	table "SELECT \"check\", rows, round(100 * share::numeric, 2) AS percent, advice FROM behav_profile('shop') WHERE rows > 0"
	echo "</body></html>"
}
