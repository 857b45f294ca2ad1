# Sourced by demo/run: report prints a page of its own, without scripts or links, from the shop's tables.

# Bars of NDCG@10, one an algorithm, the deployed one marked.
chart() {
	sql "WITH m AS (
		SELECT c->>'algorithm' AS a, (c->'test'->>'ndcg@10')::float8 AS v, false AS chosen
		FROM behavmine.version, jsonb_array_elements(metrics->'candidates') c
		UNION ALL SELECT algorithm, value, true FROM behavmine.version WHERE algorithm = 'blend'),
	r AS (SELECT a, v, a = (SELECT algorithm FROM behav_models) AS chosen,
		row_number() OVER (ORDER BY v DESC) - 1 AS i, max(v) OVER () AS top FROM m)
	SELECT format('<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 640 %s\" font-family=\"sans-serif\" font-size=\"14\">', 34 * count(*) + 10)
		|| string_agg(format('<text x=\"100\" y=\"%s\" text-anchor=\"end\">%s</text><rect x=\"110\" y=\"%s\" width=\"%s\" height=\"22\" rx=\"3\" fill=\"%s\"/><text x=\"%s\" y=\"%s\" fill=\"#555\">%s</text>',
			34 * i + 22, a, 34 * i + 6, round((430 * v / greatest(top, 1e-9))::numeric, 1), CASE WHEN chosen THEN '#2a6f97' ELSE '#a9c6d8' END,
			118 + round((430 * v / greatest(top, 1e-9))::numeric, 1), 34 * i + 22, round(v::numeric, 4)), '' ORDER BY i) || '</svg>' FROM r"
}

table() { psql -X -H -P footer=off -P tableattr='' -P border=0 -c "$1"; }

report() {
	cat <<'HTML'
<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>behavmine: the shop</title><style>
body { font: 15px/1.5 sans-serif; color: #222; max-width: 860px; margin: 2em auto; padding: 0 1em }
h1 { font-size: 1.6em } h2 { font-size: 1.15em; margin-top: 2em; border-bottom: 1px solid #ddd; padding-bottom: .2em }
table { border-collapse: collapse; width: 100%; font-size: .92em } th, td { text-align: left; padding: .25em .6em; border-bottom: 1px solid #eee; vertical-align: top }
th { background: #f3f6f8 } td[align=right] { text-align: right; font-variant-numeric: tabular-nums } p { color: #555 } svg { width: 100%; max-width: 640px }
</style></head><body>
HTML
	sql "SELECT format('<h1>%s events, %s users, %s items</h1><p>Events until %s. Model <b>%s</b>, version %s: <b>%s</b>, trained in %s s.</p>',
		to_char(v.rows, 'FM999,999,999'), to_char(v.users, 'FM999,999,999'), to_char(v.items, 'FM999,999,999'),
		to_char(v.watermark, 'YYYY-MM-DD'), m.name, v.version, v.algorithm, round(v.seconds::numeric, 1))
		FROM behavmine.version v JOIN behavmine.model m USING (model_id) ORDER BY v.version DESC LIMIT 1"
	echo "<h2>Quality on the newest tenth of the events: NDCG@10, all items ranked</h2>"
	chart
	echo "<p>The dark bar is deployed. Every algorithm was fitted on the oldest events, its setting chosen on later ones.</p>"
	table "$(cat "$WORK/candidates.sql")"
	echo "<h2>Recommendations for user $user</h2>"
	table "SELECT rank, item_id AS item, round(score::numeric, 3) AS score, reason FROM behav_recommend($user)"
	echo "<h2>What was found in the data</h2>"
	table "SELECT \"check\", rows, round(100 * share::numeric, 2) AS percent, advice FROM behav_profile('shop') WHERE rows > 0"
	echo "</body></html>"
}
