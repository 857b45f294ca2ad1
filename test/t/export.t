#!/usr/bin/env bash
# A version leaves as a safetensors file that others can read, and comes back to the bit; what was cut,
# changed or made by somebody else is refused and leaves nothing behind.
. "$(dirname "$0")/lib.sh"

server_start main && shop_create
sql "SELECT FROM behav_train('shop', 'blend', options => '{\"candidates\": [\"seq_rules\", \"ease\"]}', deploy => 'always')" >/dev/null
sql "CREATE TABLE named AS SELECT 'user ' || user_id AS user_id, 'Größe \"' || item_id || '\"' AS item_id, ts, event FROM events"
sql "SELECT FROM behav_source('named', 'named')" >/dev/null
sql "SELECT FROM behav_train('named', 'sasrec', options => '{\"epochs\": 2, \"dim\": 16}', deploy => 'always')" >/dev/null

is "$(sql "SELECT behav_import('copy', behav_export('shop'), deploy => true)")" 1 "a version of integer keys is imported"
is "$(answers copy)" "$(answers shop)" "and answers the same, to the bit"
is "$(sql "SELECT behav_export('copy') = behav_export('shop')")" t "and is exported as the same bytes"
is "$(sql "SELECT a.algorithm = b.algorithm AND a.options = b.options AND a.metrics = b.metrics AND a.value = b.value
		AND a.rows = b.rows AND a.seed = b.seed AND a.watermark = b.watermark AND a.cleaning = b.cleaning
	FROM behav_versions a, behav_versions b WHERE a.model = 'shop' AND b.model = 'copy'")" t "options, metrics and counts come along"
is "$(sql "SELECT count(*) FROM behavmine.code a JOIN behavmine.code b USING (kind, code, key, count)
	JOIN behavmine.model m ON m.model_id = a.model_id AND m.name = 'shop' JOIN behavmine.model n ON n.model_id = b.model_id AND n.name = 'copy'")" \
	"$(sql "SELECT items FROM behav_models WHERE model = 'shop'")" "so do the items with their counts"
sql "SELECT behav_import('named copy', behav_export('named'), true)" >/dev/null
is "$(sql "SELECT behav_export('named copy') = behav_export('named')")" t "text keys with quotes and umlauts come back"
is "$(sql "SELECT r FROM behav_recommend('user 8', 5, 'named copy') r")" "$(sql "SELECT r FROM behav_recommend('user 8', 5, 'named') r")" \
	"and a network answers the same, to the bit"
is "$(sql "SELECT behav_import('copy', behav_export('shop'))")" 2 "a second import is the second version"
is "$(sql "SELECT deployed FROM behav_models WHERE model = 'copy'")" 1 "which does not answer unless it is told to"

# another program's view of the file
psql -XqAtc "SELECT encode(behav_export('named'), 'base64')" | base64 -d >"$WORK/named.safetensors"
python3 - "$WORK/named.safetensors" <<'PY'
import json, struct, sys
data = open(sys.argv[1], "rb").read()
n = struct.unpack("<Q", data[:8])[0]
header = json.loads(data[8:8 + n].decode("utf-8"))
meta = header.pop("__metadata__")
assert all(isinstance(v, str) for v in meta.values()) and n % 8 == 0
at = 0
for name, e in sorted(header.items(), key=lambda kv: kv[1]["data_offsets"]):
    count = 1
    for d in e["shape"]:
        count *= d
    assert e["data_offsets"] == [at, at + count * {"F32": 4, "I32": 4, "I64": 8, "U8": 1}[e["dtype"]]], name
    assert at % {"F32": 4, "I32": 4, "I64": 8, "U8": 1}[e["dtype"]] == 0, name
    at = e["data_offsets"][1]
assert at == len(data) - 8 - n and json.loads(meta["version"])["algorithm"] == "sasrec"
PY
ok $? "the file is what the format says"
if python3 -c "import safetensors" 2>/dev/null; then
	python3 -c "
import sys; from safetensors import safe_open
f = safe_open(sys.argv[1], framework='np'); assert f.get_tensor('sasrec/item').shape[1] == 16" "$WORK/named.safetensors"
	ok $? "the reference implementation reads it"
else
	ok 0 "the reference implementation reads it # skip: python3 has no safetensors"
fi

before=$(sql "SELECT count(*) FROM behavmine.version")
bad() { # expression of x (the export of shop), expected, name
	like "$(sql_error "SELECT behav_import('bad', $1) FROM behav_export('shop') AS x")" "$2" "$3"
}
bad "'\\x'" "22023: \"data\" is not a model that behav_export wrote" "nothing"
bad "'hello, world'::bytea" "not begin with the header" "some text"
bad "substring(x, 1, 1000)" "22023|22P02" "a part of the header"
bad "substring(x, 1, length(x) - 1)" "22023" "all but the last byte"
bad "x || '\\x00'" "22023" "a byte too many"
bad "set_byte(x, length(x) - 10, get_byte(x, length(x) - 10) # 1)" "22023: .*checksum|22023.*" "a flipped bit of a weight"
bad "convert_to(replace(encode(x, 'escape'), 'behavmine 1', 'behavmine 9'), 'UTF8')" "22023" "another format"
bad "decode(replace(encode(x, 'hex'), encode('behavmine 1', 'hex'), encode('behavmine 9', 'hex')), 'hex')" "22023: .*" "a newer format"
bad "decode(replace(encode(x, 'hex'), encode('seq_rules/', 'hex'), encode('seq_rulez/', 'hex')), 'hex')" "22023: the imported version cannot be used" "an unknown tensor"
bad "decode(replace(encode(x, 'hex'), encode('\\\"blend\\\"', 'hex'), encode('\\\"blend9\\\"', 'hex')), 'hex')" "22023|42704|22P02" "an algorithm that is not known here"
like "$(sql_error "SELECT behav_import('shop', behav_export('named'))")" "55000: model \"shop\" is trained on source \"shop\"" \
	"a version of another source does not enter a model"
like "$(sql_error "SELECT behav_export('shop', 'pickle')")" "22023: \"format\" cannot be \"pickle\"" "an unknown format"
like "$(sql_error "SELECT behav_import('x', NULL)")" "22004: \"data\" is null" "NULL"
is "$(sql "SELECT count(*) FROM behavmine.version")" "$before" "what was refused has left nothing"
is "$(half_written)" 0 "and no half-written version"
done_testing
