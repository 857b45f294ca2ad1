#!/usr/bin/env bash
# Networks leave as ONNX files, which another runtime replays: the same answers as behav_predict and
# behav_recommend within 1e-4. PYTHON (default python3) needs onnx and onnxruntime, else the replay is skipped.
. "$(dirname "$0")/lib.sh"
python=${PYTHON:-python3}

server_start main && shop_create
psql -Xq <<SQL
CREATE TABLE t AS SELECT i AS id, i * 37 % 101 AS a, i * 53 % 97 AS b, (ARRAY['x', 'y', 'z'])[1 + i % 3] AS c,
	(i * 37 % 101) + 20 * (i % 3) - (i * 53 % 97) / 2.0 + i * 7 % 11 > 60 AS y,
	(ARRAY['low', 'mid', 'high'])[1 + (i * 37 % 101) / 34] AS kind, (i * 37 % 101) / 10.0 - (i * 53 % 97) / 50.0 AS n
	FROM generate_series(1, 1000) i;
SQL
failure=$(sql_error "SELECT length(behav_export('shop', 'pdf'))")
like "$failure" '^22023' "an unknown format is refused"
sql "SELECT FROM behav_train('linear', 'logistic', data => 't', target => 'y', features => '{a,b,c}')"
refused=$(sql_error "SELECT length(behav_export('linear', 'onnx'))")
like "$refused" '^0A000' "a model that is no network is refused, or the library has no ONNX"
case $refused in *"built without ONNX"*)
	like "$(psql -XqAtc "SELECT behav_export('linear', 'onnx')" 2>&1)" 'Install libprotobuf-c-dev' "it says what to install"
	note "skipped: built without protobuf-c"
	done_testing
	;;
esac
if ! "$python" -c "import onnx, onnxruntime, numpy" 2>/dev/null; then
	note "skipped: $python has no onnx and onnxruntime"
	done_testing
fi

cat >"$WORK/replay.py" <<'PY'
import json, sys
import numpy, onnx, onnxruntime
model = onnx.load(sys.argv[1])
onnx.checker.check_model(model, full_check=True)
meta = {p.key: p.value for p in model.metadata_props}
assert "algorithm" in json.loads(meta["version"])
session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
rows = [json.loads(line) for line in open(sys.argv[2])]
worst = 0.0
if session.get_inputs()[0].name == "items":
    code = {key: i for i, key in enumerate(json.loads(meta["items"]))}
    for r in rows:  # histories of any length, one by one
        out, = session.run(None, {"items": numpy.array([[code[k] for k in r["history"]]], numpy.int64)})
        got = [out[0][code[k]] for k in r["items"]]
        worst = max(worst, numpy.abs(numpy.array(got) - r["scores"]).max())
else:
    x = numpy.array([r["x"] for r in rows], numpy.float32)
    feed, at = {}, 0
    for i in session.get_inputs():
        width = i.shape[-1]
        feed[i.name] = x[:, at:at + width].astype(numpy.int64 if i.name == "codes" else numpy.float32)
        at += width
    assert at == x.shape[1], (at, x.shape)
    out, = session.run(None, feed)
    classes = json.loads(meta["version"])["encoder"]["classes"]
    want = [[r["p"][c] for c in classes] if classes else [r["value"]] for r in rows]
    worst = numpy.abs(out - numpy.array(want)).max()
print("%d rows, largest difference %.1e" % (len(rows), worst))
assert len(rows) > 0 and worst < 1e-4, worst
PY

export_file() { psql -XqAtc "SELECT encode(behav_export('$1', 'onnx'), 'base64')" | base64 -d >"$WORK/$1.onnx"; }

replay() { # model name
	"$python" "$WORK/replay.py" "$WORK/$1.onnx" "$WORK/$1.json" >"$WORK/$1.log" 2>&1
	ok $? "$2"
	note "$(tail -1 "$WORK/$1.log")"
}

# Trains on t; rows as features, by the encoder in the file, with the answers of behav_predict, for the replay.
network() { # model algorithm target options
	sql "SELECT FROM behav_train('$1', '$2', data => 't', target => '$3', features => '{a,b,c}', options => '$4', deploy => 'always', seed => 1)" || return
	export_file "$1"
	"$python" -c "import onnx, sys; print(next(p.value for p in onnx.load(sys.argv[1]).metadata_props if p.key == 'encoder'))" \
		"$WORK/$1.onnx" >"$WORK/$1.encoder"
	psql -XqAt -v encoder="$(cat "$WORK/$1.encoder")" >"$WORK/$1.json" <<SQL
SELECT jsonb_build_object('x', behav_encode(:'encoder', t), 'p', p.probabilities, 'value', p.value)
FROM t, behav_predict('$1', t) p WHERE t.id <= 200
SQL
}

network mlp mlp y '{"epochs": 3}'
replay mlp "mlp, two classes"
network platt mlp y '{"epochs": 3, "calibrate": "platt"}'
replay platt "mlp with calibrated probabilities (Platt)"
network isotonic mlp y '{"epochs": 3, "calibrate": "isotonic"}'
replay isotonic "mlp with calibrated probabilities (isotonic)"
network cnn cnn kind '{"epochs": 3}'
replay cnn "cnn, three classes"
network transformer transformer n '{"epochs": 3}'
replay transformer "transformer, a number"
network codes mlp kind '{"epochs": 3, "categories": {"encode": "embed"}}'
replay codes "embeddings of categories"
network gru mlp kind '{"epochs": 2, "layers": [{"type": "tokens", "units": 8}, {"type": "position"},
	{"type": "conv1d", "filters": 8, "kernel": 3, "padding": "causal", "dilation": 2}, {"type": "silu"},
	{"type": "attention", "heads": 2, "causal": true}, {"type": "gru", "units": 7}, {"type": "lstm", "units": 5},
	{"type": "last"}, {"type": "dense", "units": 3}]}'
replay gru "steps: positions, causal convolution and attention, gru, lstm"
network same mlp y '{"epochs": 2, "layers": [{"type": "conv1d", "filters": 6, "kernel": 4, "padding": "same", "stride": 2},
	{"type": "relu"}, {"type": "max_pool2d", "size": 2, "stride": 1}, {"type": "flatten"}, {"type": "dense", "units": 2}]}'
replay same "a convolution over a row: stride, padding, pool"
network maps mlp y '{"epochs": 2, "loss": "binary_cross_entropy", "layers": [{"type": "conv2d", "filters": 8, "kernel": [2, 2], "padding": "same"},
	{"type": "batch_norm"}, {"type": "tanh"}, {"type": "average_pool2d", "size": [2, 2], "stride": [1, 1]},
	{"type": "global_average_pool"}, {"type": "dense", "units": 4}, {"type": "gelu"}, {"type": "layer_norm"}, {"type": "dropout", "rate": 0.2},
	{"type": "dense", "units": 1}]}'
replay maps "maps: padding, batch normalisation, average and global pools, one sigmoid"

for algorithm in sasrec gru; do
	sql "SELECT FROM behav_train('next_$algorithm', '$algorithm', 'shop', options => '{\"epochs\": 2, \"dim\": 16, \"length\": 20}', deploy => 'always')"
	psql -XqAtc "SELECT jsonb_build_object('history', h.items, 'items', jsonb_agg(r.item_id::text), 'scores', jsonb_agg(r.score))
		FROM (VALUES ('{\"1\"}'::text[]), ('{\"3\",\"1\",\"2\"}'), ('{\"5\",\"5\",\"4\",\"2\",\"7\"}')) AS h(items),
		behav_recommend_items(h.items, 5, 'next_$algorithm') r GROUP BY h.items" >"$WORK/next_$algorithm.json"
	export_file next_$algorithm
	replay next_$algorithm "$algorithm recommends the same"
done
done_testing
