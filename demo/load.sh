# Sourced by demo/run: a file of events into the table events.
#
# CSV or TSV with a header (plain, .gz or .xz): every column becomes bigint, float8, timestamptz or text,
# whichever holds all its values. A file of lines "user item item ..." (no header, numbers only): one
# user a line, oldest item first; the place in the line becomes the time.

unpack() {
	case $1 in
	*.xz) xz -dc "$1" ;;
	*.gz) gzip -dc "$1" ;;
	*) cat "$1" ;;
	esac
}

# Header names as SQL identifiers, one a line, empty and doubled ones numbered.
header_names() { # separator
	head -1 | tr -d '\r' | sed '1s/^\xef\xbb\xbf//' | awk -v RS="$1" '{
		gsub(/^[ \t"]+|[ \t"\n]+$/, ""); name = tolower($0); gsub(/[^a-z0-9_]+/, "_", name)
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
}

load_table() { # file separator
	local columns
	columns=$({ unpack "$1" 2>/dev/null || true; } | header_names "$2" | sed 's/.*/"&" text/' | paste -sd, -)
	psql -Xqc "CREATE TABLE events ($columns)"
	whole_lines "$1" "$2" | psql -Xqc "COPY events FROM STDIN (FORMAT csv, HEADER, DELIMITER E'$2')"
	psql -XqAt <<'SQL' | psql -Xq
SELECT format($f$
	SELECT format('ALTER TABLE events ALTER %1$I TYPE %%s USING nullif(btrim(%1$I), '''')::%%1$s', CASE
		WHEN count(v) = 0 THEN 'text'
		WHEN bool_and(v ~ '^[-+]?[0-9]{1,18}$') THEN 'bigint'
		WHEN bool_and(v ~ '^[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?$') THEN 'float8'
		WHEN bool_and(v ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9]{2}:[0-9]{2}.*)?$') THEN 'timestamptz'
		ELSE 'text' END)
	FROM (SELECT nullif(btrim(%1$I), '') AS v FROM events) x \gexec$f$, attname)
FROM pg_attribute WHERE attrelid = 'events'::regclass AND attnum > 0 ORDER BY attnum
SQL
}

load_file() {
	local first
	[ -r "$1" ] || { echo "cannot read $1" >&2; return 1; }
	first=$({ unpack "$1" 2>/dev/null || true; } | head -1)
	if printf '%s' "$first" | grep -qE '^[0-9]+( [0-9]+)+ *$'; then
		load_lines "$1"
	elif printf '%s' "$first" | grep -q "$(printf '\t')"; then
		load_table "$1" '\t'
	else
		load_table "$1" ','
	fi
}
