# Sourced by demo/run after behaviour.sh: who the customers are, for any source "shop". A question that these
# events cannot answer, or not within some seconds, is passed over.

who_they_are() { # user
	ask rfm "What are they worth? By recency, frequency and money" "SELECT segment, count(*) AS customers, round(avg(purchases), 1) AS purchases, round(avg(total)::numeric, 2) AS spent
FROM behav_rfm('shop') GROUP BY segment ORDER BY spent DESC LIMIT 5" || true
	ask segments "Which groups are there, found without naming any?" "SELECT segment, name, users, description FROM behav_segments('people', source => 'shop', k => 4)" || true
	ask portrait "One of them, from a portrait with the evidence for every statement" "SELECT key AS part, left(value::text, 100) AS what
FROM jsonb_each(behav_portrait($1)) WHERE key IN ('activity', 'value', 'rhythm', 'price', 'segment', 'next')" || true
	ask reorder "And what must be in stock for them? The first to order" "SELECT series AS item, class, method, round(demand::numeric, 1) AS weekly_demand, ceil(reorder_point) AS reorder_at
FROM behav_reorder('10 days', 0.95, 'shop') ORDER BY demand DESC LIMIT 5" || true
}
