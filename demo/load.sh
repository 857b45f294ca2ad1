# Sourced by demo/run: a file of events into the table events.
#
# CSV or TSV with a header (plain, .gz or .xz): every column becomes bigint, float8, timestamptz or text,
# whichever holds all its values. Three columns year, month and day become a time, ts, that keeps the
# file's order within a day. A file of lines "user item item ..." (no header, numbers only): one user a
# line, oldest item first; the place in the line becomes the time.
#
# Sets SPLIT to the options of training that the file needs.

SPLIT=

unpack() {
	case $1 in
	*.xz) xz -dc "$1" ;;
	*.gz) gzip -dc "$1" ;;
	*) cat "$1" ;;
	esac
}

# Header names as SQL identifiers, one a line, empty and doubled ones numbered; ":type" suffixes, as
# RecBole writes them, are cut off.
header_names() { # separator
	head -1 | tr -d '\r' | sed '1s/^\xef\xbb\xbf//' | awk -v RS="$1" '{
		gsub(/^[ \t"]+|[ \t"\n]+$/, ""); sub(/:[a-z_]+$/, "")
		name = tolower($0); gsub(/[^a-z0-9_]+/, "_", name)
		if (name == "" || name in seen) name = name "_" NR
		seen[name] = 1; print name }'
}

# The lines, less a last one that is cut off: no line end, and fewer separators than the header.
whole_lines() { # file separator
	unpack "$1" | awk -v end="$(unpack "$1" | tail -c 1 | wc -l)" -v FS="$2" '
		NR == 1 { fields = NF }
		NR > 1 { print line }
		{ line = $0; last = NF }
		END { if (end == 1 || last >= fields) print line }'
}

load_lines() {
	psql -Xqc "CREATE TABLE events (user_id bigint, item_id bigint, ts bigint)"
	unpack "$1" | awk '{ for (i = 2; i <= NF; i++) printf "%s\t%s\t%d\n", $1, $i, 1000000000 + i }' |
		psql -Xqc "COPY events FROM STDIN"
	SPLIT='"split": "leave_last_out"' # places are no times: the last of each user are not the last of all
}

# A column is what all its values are; looking ends at the first that is not. One rewrite of the table.
set_types() {
	psql -XqAt <<'SQL' | psql -XqAt | psql -Xq
SELECT format($f$
	SELECT 'ALTER TABLE events ' || string_agg(format('ALTER %%1$I TYPE %%2$s USING nullif(btrim(%%1$I), '''')::%%2$s', name, type), ', ')
	FROM (%s) t (name, type) WHERE type <> 'text'$f$,
	string_agg(format($f$
		SELECT %1$L, CASE
			WHEN NOT EXISTS (SELECT FROM events WHERE btrim(%1$I) <> '') THEN 'text'
			WHEN NOT EXISTS (SELECT FROM events WHERE btrim(%1$I) <> ''
				AND btrim(%1$I) !~ '^[-+]?[0-9]{1,18}$') THEN 'bigint'
			WHEN NOT EXISTS (SELECT FROM events WHERE btrim(%1$I) <> ''
				AND btrim(%1$I) !~ '^[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?$') THEN 'float8'
			WHEN NOT EXISTS (SELECT FROM events WHERE btrim(%1$I) <> ''
				AND btrim(%1$I) !~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9]{2}:[0-9]{2}.*)?$') THEN 'timestamptz'
			ELSE 'text' END$f$, attname), ' UNION ALL '))
FROM pg_attribute WHERE attrelid = 'events'::regclass AND attnum > 0
SQL
}

has_columns() { # name ...
	local names
	names=$(printf "'%s'," "$@")
	[ "$(sql "SELECT count(*) FROM pg_attribute WHERE attrelid = 'events'::regclass AND attname IN (${names%,})")" = $# ]
}

# A date in three columns is a time that nobody can name. Events of a day stay in the file's order.
add_time() {
	psql -Xq <<'SQL'
ALTER TABLE events ADD ts timestamptz, ADD line bigserial;
UPDATE events SET ts = make_timestamptz(year::int, month::int, day::int, 0, 0, 0) + line * interval '1 millisecond';
ALTER TABLE events DROP line;
SQL
}

load_table() { # file separator
	local columns
	columns=$({ unpack "$1" 2>/dev/null || true; } | header_names "$2" | sed 's/.*/"&" text/' | paste -sd, -)
	psql -Xqc "CREATE TABLE events ($columns)"
	whole_lines "$1" "$2" | psql -Xqc "COPY events FROM STDIN (FORMAT csv, HEADER, DELIMITER E'$2')"
	set_types
	if has_columns year month day && ! has_columns ts; then
		add_time
	fi
}

load_file() {
	local first
	first=$({ unpack "$1" 2>/dev/null || true; } | head -1)
	if printf '%s' "$first" | grep -qE '^[0-9]+( [0-9]+)+ *$'; then
		load_lines "$1"
	elif printf '%s' "$first" | grep -q "$(printf '\t')"; then
		load_table "$1" '\t'
	else
		load_table "$1" ','
	fi
}

# Arguments of behav_source that a known layout needs: invoices that can be cancellations.
layout() {
	has_columns invoiceno stockcode invoicedate customerid && echo "preset => 'uci_retail'"
	return 0
}
