-- What lies together in baskets: frequent itemsets and association rules.

CREATE FUNCTION @extschema@.behav_itemsets(
	source text, min_support float8 = NULL, kind text = 'all', k int = NULL,
	options jsonb = '{}', since timestamptz = NULL, until timestamptz = NULL)
RETURNS TABLE (itemset text[], n bigint, support float8)
AS 'MODULE_PATHNAME', 'behav_itemsets' LANGUAGE C STABLE PARALLEL UNSAFE COST 100000 ROWS 1000;
COMMENT ON FUNCTION @extschema@.behav_itemsets(text, float8, text, int, jsonb, timestamptz, timestamptz) IS
'Items that are bought together in at least min_support baskets of a source (below 1 a share, else a number; by default 0.01), or the k best; kind all, closed or maximal. Example: SELECT * FROM behav_itemsets(''shop'', 0.005, options => ''{"min_length": 2}'')';

CREATE FUNCTION @extschema@.behav_itemsets_arrays(
	relation regclass, items name, min_support float8 = NULL, kind text = 'all', k int = NULL,
	options jsonb = '{}')
RETURNS TABLE (itemset text[], n bigint, support float8)
AS 'MODULE_PATHNAME', 'behav_itemsets_arrays' LANGUAGE C STABLE PARALLEL UNSAFE COST 100000 ROWS 1000;
COMMENT ON FUNCTION @extschema@.behav_itemsets_arrays(regclass, name, float8, text, int, jsonb) IS
'As behav_itemsets, of a relation with a column of arrays, one a basket. Example: SELECT * FROM behav_itemsets_arrays(''orders'', ''products'', 0.01)';

CREATE FUNCTION @extschema@.behav_itemsets_rows(
	relation regclass, basket_id name, item_id name, min_support float8 = NULL,
	kind text = 'all', k int = NULL, options jsonb = '{}')
RETURNS TABLE (itemset text[], n bigint, support float8)
AS 'MODULE_PATHNAME', 'behav_itemsets_rows' LANGUAGE C STABLE PARALLEL UNSAFE COST 100000 ROWS 1000;
COMMENT ON FUNCTION @extschema@.behav_itemsets_rows(regclass, name, name, float8, text, int, jsonb) IS
'As behav_itemsets, of a relation with a row an item: a column tells the basket, another the item. Example: SELECT * FROM behav_itemsets_rows(''order_lines'', ''order_id'', ''product'', 0.01)';

CREATE FUNCTION @extschema@.behav_rules(
	source text, min_support float8 = 0.01, min_confidence float8 = 0.5, min_lift float8 = 0,
	max_rhs int = 1, options jsonb = '{}', since timestamptz = NULL, until timestamptz = NULL)
RETURNS TABLE (
	lhs text[], rhs text[], n bigint, support float8, confidence float8, lift float8,
	leverage float8, conviction float8, zhang float8, jaccard float8, cosine float8,
	kulczynski float8, imbalance float8, chi2 float8, fisher_p float8, p_adj float8)
AS 'MODULE_PATHNAME', 'behav_rules' LANGUAGE C STABLE PARALLEL UNSAFE COST 100000 ROWS 1000;
COMMENT ON FUNCTION @extschema@.behav_rules(text, float8, float8, float8, int, jsonb, timestamptz, timestamptz) IS
'Who buys the left side buys the right side, too: association rules of a source''s baskets with their measures, the most confident first. Example: SELECT lhs, rhs, n, confidence, lift FROM behav_rules(''shop'', 0.005, 0.3) WHERE p_adj < 0.01';

CREATE FUNCTION @extschema@.behav_rules_arrays(
	relation regclass, items name, min_support float8 = 0.01, min_confidence float8 = 0.5,
	min_lift float8 = 0, max_rhs int = 1, options jsonb = '{}')
RETURNS TABLE (
	lhs text[], rhs text[], n bigint, support float8, confidence float8, lift float8,
	leverage float8, conviction float8, zhang float8, jaccard float8, cosine float8,
	kulczynski float8, imbalance float8, chi2 float8, fisher_p float8, p_adj float8)
AS 'MODULE_PATHNAME', 'behav_rules_arrays' LANGUAGE C STABLE PARALLEL UNSAFE COST 100000 ROWS 1000;
COMMENT ON FUNCTION @extschema@.behav_rules_arrays(regclass, name, float8, float8, float8, int, jsonb) IS
'As behav_rules, of a relation with a column of arrays, one a basket. Example: SELECT lhs, rhs, lift FROM behav_rules_arrays(''orders'', ''products'', 0.01, 0.4)';

CREATE FUNCTION @extschema@.behav_rules_rows(
	relation regclass, basket_id name, item_id name, min_support float8 = 0.01,
	min_confidence float8 = 0.5, min_lift float8 = 0, max_rhs int = 1, options jsonb = '{}')
RETURNS TABLE (
	lhs text[], rhs text[], n bigint, support float8, confidence float8, lift float8,
	leverage float8, conviction float8, zhang float8, jaccard float8, cosine float8,
	kulczynski float8, imbalance float8, chi2 float8, fisher_p float8, p_adj float8)
AS 'MODULE_PATHNAME', 'behav_rules_rows' LANGUAGE C STABLE PARALLEL UNSAFE COST 100000 ROWS 1000;
COMMENT ON FUNCTION @extschema@.behav_rules_rows(regclass, name, name, float8, float8, float8, int, jsonb) IS
'As behav_rules, of a relation with a row an item: a column tells the basket, another the item. Example: SELECT lhs, rhs, lift FROM behav_rules_rows(''order_lines'', ''order_id'', ''product'', 0.01, 0.4)';
