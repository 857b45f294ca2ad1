/*
 * flat.c
 *		Flat aggregate states: growth, order, text and binary forms. See flat.h for the layout.
 *
 * Outside the server both forms carry the same bytes, all numbers in network order:
 *		kind u8, version u8, flags u8, words u8, config words u32, n i64, ignored i64,
 *		the config words, the entries, CRC-32C u32 of all before.
 * The text is "bm1:" and the base64 of them. Every version of a kind keeps the first two bytes and
 * the CRC at the end, so that "newer" is told from "damaged".
 */
#include "pg/pg.h"
#include "pg/flat.h"

#include "common/base64.h"
#include "libpq/pqformat.h"
#include "port/pg_crc32c.h"
#include "utils/memutils.h"

#include "core/num/rng.h"
#include "pg/memory.h"

#define FIRST_SIZE 128   /* bytes of a new state: a few events; doubles from there */
#define TEXT_PREFIX "bm" /* then the version of the envelope, then a colon */
#define TEXT_VERSION 1
#define OUTER_HEAD 24 /* bytes before the config words, outside the server */
#define OUTER_CRC 4
#define B64_BYTES (3 * 0x10000) /* of one piece */
#define B64_CHARS (4 * 0x10000)
#define POLL_WORDS 0x10000 /* between checks for interrupts */

/* ---- making and growing ---- */

/* Total sizes are powers of two: the allocator rounds up to them anyway. */
static Size
round_size(Size need)
{
	Size size = FIRST_SIZE;

	while (size < need)
		size *= 2;
	return Min(size, MaxAllocSize);
}

uint32
bm_flat_hash(const uint64 *config, uint32 n)
{
	uint64 h = n;

	for (uint32 i = 0; i < n; i++)
		h = bmc_mix64(h ^ config[i]);
	return (uint32) (h ^ h >> 32);
}

BmFlat *
bm_flat_new_config(const BmFlatKind *kind, const uint64 *config, uint32 n)
{
	Size size = round_size(sizeof(BmFlat) + sizeof(uint64) * (n + (Size) kind->words));
	BmFlat *s = palloc0(size);

	SET_VARSIZE(s, size);
	s->kind = kind->id;
	s->version = kind->version;
	s->flags = BM_FLAT_SORTED;
	s->words = kind->words;
	s->config_words = n;
	s->config_hash = bm_flat_hash(config, n);
	memcpy(s + 1, config, sizeof(uint64) * n);
	return s;
}

BmFlat *
bm_flat_new(const BmFlatKind *kind, const uint64 *config)
{
	return bm_flat_new_config(kind, config, kind->config_words);
}

static void
raise_full(const BmFlat *s, int64 more)
{
	ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					errmsg("one group has too many events for an aggregate state"),
					errdetail("It has %lld events of %d bytes; a state ends at 1 GB.",
							  (long long) (s->n + more), (int) (s->words * sizeof(uint64))),
					errhint("Group by user, or aggregate a shorter span of time.")));
}

BmFlat *
bm_flat_reconfigure(const BmFlat *s, uint32 n)
{
	BmFlat head = *s, *copy;
	Size size;

	head.config_words = n;
	size = bm_flat_size(&head, 1);
	if (size > MaxAllocSize)
		raise_full(s, 0);
	size = round_size(size);
	copy = palloc0(size);
	*copy = head;
	SET_VARSIZE(copy, size);
	memcpy(bm_flat_entries(copy), bm_flat_entries(s), sizeof(uint64) * s->words * (Size) s->n);
	return copy;
}

BmFlat *
bm_flat_grow(BmFlat *s, int64 more)
{
	Size need, size;
	BmFlat *larger;

	if (more > (int64) (MaxAllocSize / sizeof(uint64)))
		raise_full(s, more);
	need = bm_flat_size(s, more);
	if (need <= VARSIZE(s))
		return s;
	if (need > MaxAllocSize)
		raise_full(s, more);
	size = round_size(need);
	/* in the current context: an aggregate's executor copies it into its own and frees the old one */
	larger = palloc(size);
	memcpy(larger, s, bm_flat_size(s, 0));
	memset((char *) larger + bm_flat_size(s, 0), 0, size - bm_flat_size(s, 0));
	SET_VARSIZE(larger, size);
	return larger;
}

const BmFlat *
bm_flat_trim(const BmFlat *s)
{
	Size size = bm_flat_size(s, 0);
	BmFlat *trimmed;

	if (VARSIZE(s) == size)
		return s;
	trimmed = palloc(size);
	memcpy(trimmed, s, size);
	SET_VARSIZE(trimmed, size);
	return trimmed;
}

/* ---- reading and changing arguments ---- */

static void
raise_newer(const BmFlatKind *kind, int version)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("a state of type %s comes from a newer version of behavmine", kind->type),
			 errdetail("Its format is %d; this library knows formats up to %d.", version,
					   kind->version),
			 errhint("Install that version of behavmine here, or compute the state again.")));
}

static inline bool
shape_fits(const BmFlat *s, const BmFlatKind *kind)
{
	return s->words == kind->words && s->n >= 0 && s->config_words >= kind->config_words &&
		   s->config_words <= Max(kind->config_words, kind->config_max);
}

/* Constant work: entries were checked when they came in. */
static void
check_header(const BmFlat *s, const BmFlatKind *kind)
{
	Size room;

	if (VARSIZE(s) < sizeof(BmFlat) || s->kind != kind->id)
		ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("a value is no %s", kind->type)));
	if (s->version > kind->version)
		raise_newer(kind, s->version);
	room = (VARSIZE(s) - sizeof(BmFlat)) / sizeof(uint64);
	if (!shape_fits(s, kind) || s->config_words > room ||
		(Size) s->n > (room - s->config_words) / s->words)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("a value of type %s is damaged", kind->type),
				 errdetail("Its sizes do not fit its length of %d bytes.", (int) VARSIZE(s))));
}

const BmFlat *
bm_flat_get(Datum value, const BmFlatKind *kind)
{
	const BmFlat *s = (const BmFlat *) PG_DETOAST_DATUM(value);

	check_header(s, kind);
	return s;
}

BmFlat *
bm_flat_writable(FunctionCallInfo fcinfo, const BmFlatKind *kind)
{
	Pointer value;
	BmFlat *copy;

	if (PG_ARGISNULL(0))
		return NULL;
	value = DatumGetPointer(PG_GETARG_DATUM(0));
	if (VARATT_IS_4B_U(value) && AggCheckCallContext(fcinfo, NULL))
	{
		check_header((BmFlat *) value, kind);
		return (BmFlat *) value;
	}
	/* packed (from a worker or a table), or somebody else's: it may lie in a shared buffer */
	copy = (BmFlat *) PG_DETOAST_DATUM_COPY(PG_GETARG_DATUM(0));
	check_header(copy, kind);
	return copy;
}

/* ---- order ---- */

const uint64 *
bm_flat_sorted(const BmFlat *s)
{
	Size bytes = sizeof(uint64) * s->words * (Size) s->n;
	uint64 *sorted, *scratch;
	BmWatch watch;
	BmStatus status;

	if ((s->flags & BM_FLAT_SORTED) || s->n < 2)
		return bm_flat_entries(s);
	sorted = palloc_extended(bytes, MCXT_ALLOC_HUGE);
	scratch = palloc_extended(bytes, MCXT_ALLOC_HUGE);
	bm_watch_init(&watch, 0);
	status = bmc_entries_sort(sorted, bm_flat_entries(s), s->n, s->words, scratch, &watch.stop);
	pfree(scratch);
	bm_check(status, "sort the events of one group", NULL);
	return sorted;
}

void
bm_flat_sort(BmFlat *s)
{
	const uint64 *sorted = bm_flat_sorted(s);
	uint64 *entries = bm_flat_entries(s);

	if (sorted != entries)
	{
		memcpy(entries, sorted, sizeof(uint64) * s->words * (Size) s->n);
		pfree((void *) sorted);
	}
	bm_flat_settle(s, s->n);
}

BmFlat *
bm_flat_append(BmFlat *a, const BmFlat *b, const BmFlatKind *kind)
{
	int64 n = a->n;
	uint64 *end;

	if (a->config_words != b->config_words || a->config_hash != b->config_hash ||
		memcmp(bm_flat_config(a), bm_flat_config(b), sizeof(uint64) * a->config_words) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("states of type %s differ in %s", kind->type, kind->config),
				 errhint("Combine only states that were made with the same %s.", kind->config)));
	a = bm_flat_grow(a, b->n);
	end = bm_flat_entries(a) + (Size) n * a->words;
	memcpy(end, bm_flat_entries(b), sizeof(uint64) * a->words * (Size) b->n);
	a->n += b->n;
	a->ignored += b->ignored;
	if (b->n > 0)
		a->last = b->last;
	if (b->n > 0 &&
		(!(b->flags & BM_FLAT_SORTED) || (n > 0 && !bmc_entry_le(end - a->words, end, a->words))))
		a->flags &= ~BM_FLAT_SORTED;
	return a;
}

Datum
bm_flat_combine(FunctionCallInfo fcinfo, const BmFlatKind *kind)
{
	BmFlat *a = bm_flat_writable(fcinfo, kind);

	if (PG_ARGISNULL(1))
	{
		if (a == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(a);
	}
	if (a == NULL)
		PG_RETURN_POINTER(bm_flat_get(PG_GETARG_DATUM(1), kind));
	PG_RETURN_POINTER(bm_flat_append(a, bm_flat_get(PG_GETARG_DATUM(1), kind), kind));
}

Datum
bm_flat_final(FunctionCallInfo fcinfo, const BmFlatKind *kind)
{
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	PG_RETURN_POINTER(bm_flat_trim(bm_flat_get(PG_GETARG_DATUM(0), kind)));
}

Datum
bm_flat_events(FunctionCallInfo fcinfo, const BmFlatKind *kind)
{
	PG_RETURN_INT64(bm_flat_get(PG_GETARG_DATUM(0), kind)->n);
}

Datum
bm_flat_ignored(FunctionCallInfo fcinfo, const BmFlatKind *kind)
{
	PG_RETURN_INT64(bm_flat_get(PG_GETARG_DATUM(0), kind)->ignored);
}

/* ---- outside the server ---- */

static void
put_words(StringInfo buf, const uint64 *words, Size n)
{
	for (Size i = 0; i < n; i++)
	{
		pq_sendint64(buf, words[i]);
		if (i % POLL_WORDS == 0)
			CHECK_FOR_INTERRUPTS();
	}
}

static Size
outer_size(const BmFlat *s)
{
	return bm_flat_size(s, 0) - sizeof(BmFlat) + OUTER_HEAD + OUTER_CRC;
}

static void
serialize(StringInfo buf, const BmFlat *s)
{
	int start = buf->len;
	pg_crc32c crc;

	enlargeStringInfo(buf, outer_size(s));
	pq_sendint8(buf, s->kind);
	pq_sendint8(buf, s->version);
	pq_sendint8(buf, s->flags);
	pq_sendint8(buf, s->words);
	pq_sendint32(buf, s->config_words);
	pq_sendint64(buf, s->n);
	pq_sendint64(buf, s->ignored);
	put_words(buf, bm_flat_config(s), s->config_words);
	put_words(buf, bm_flat_entries(s), (Size) s->n * s->words);
	INIT_CRC32C(crc);
	COMP_CRC32C(crc, buf->data + start, buf->len - start);
	FIN_CRC32C(crc);
	pq_sendint32(buf, crc);
}

static void
raise_damaged(const BmFlatKind *kind, int sqlstate, const char *detail)
{
	ereport(ERROR, (errcode(sqlstate), errmsg("invalid value for type %s", kind->type),
					errdetail("%s", detail)));
}

/* The bytes' own length, CRC, kind and version; afterwards buf stands behind the version. */
static void
check_envelope(StringInfo buf, const BmFlatKind *kind, int sqlstate)
{
	int id, version, bytes = buf->len - buf->cursor;
	pg_crc32c crc, stored;

	if (bytes < OUTER_HEAD + OUTER_CRC)
		raise_damaged(kind, sqlstate, "It is too short.");
	INIT_CRC32C(crc);
	COMP_CRC32C(crc, buf->data + buf->cursor, bytes - OUTER_CRC);
	FIN_CRC32C(crc);
	memcpy(&stored, buf->data + buf->len - OUTER_CRC, OUTER_CRC);
	if (crc != pg_ntoh32(stored))
		raise_damaged(kind, sqlstate, "Its checksum does not match: it is damaged or cut off.");
	id = pq_getmsgbyte(buf);
	if (id != kind->id)
		raise_damaged(kind, sqlstate, "It is a state of another type.");
	version = pq_getmsgbyte(buf);
	if (version > kind->version)
		raise_newer(kind, version);
	if (version == 0)
		raise_damaged(kind, sqlstate, "It has no format version.");
}

static void
get_words(StringInfo buf, uint64 *words, Size n)
{
	for (Size i = 0; i < n; i++)
	{
		words[i] = pq_getmsgint64(buf);
		if (i % POLL_WORDS == 0)
			CHECK_FOR_INTERRUPTS();
	}
}

/* A matching CRC says that the bytes are as they were made, not who made them: trust nothing. */
static const char *
entries_wrong(const BmFlat *s, const BmFlatKind *kind)
{
	const uint64 *entry = bm_flat_entries(s);

	for (int64 i = 0; i < s->n; i++, entry += s->words)
	{
		if (kind->times && !IS_VALID_TIMESTAMP((int64) entry[0]))
			return "It has a time out of range.";
		if (i > 0 && (s->flags & BM_FLAT_SORTED) &&
			!bmc_entry_le(entry - s->words, entry, s->words))
			return "It says that it is sorted, and is not.";
		if (i % POLL_WORDS == 0)
			CHECK_FOR_INTERRUPTS();
	}
	return kind->check ? kind->check(s) : NULL;
}

static BmFlat *
deserialize(StringInfo buf, const BmFlatKind *kind, int sqlstate)
{
	BmFlat head = {0}, *s;
	const char *wrong;
	Size words;

	check_envelope(buf, kind, sqlstate);
	head.kind = kind->id;
	head.version = kind->version;
	head.flags = pq_getmsgbyte(buf);
	head.words = pq_getmsgbyte(buf);
	head.config_words = pq_getmsgint(buf, 4);
	head.n = pq_getmsgint64(buf);
	head.ignored = pq_getmsgint64(buf);
	words = (buf->len - buf->cursor - OUTER_CRC) / sizeof(uint64);
	if (!shape_fits(&head, kind) || head.ignored < 0 || (head.flags & ~BM_FLAT_SORTED) != 0 ||
		head.config_words > words || (Size) head.n > words / head.words ||
		outer_size(&head) != (Size) (buf->len - buf->cursor) + OUTER_HEAD)
		raise_damaged(kind, sqlstate, "Its sizes do not fit each other.");
	s = palloc(bm_flat_size(&head, 0));
	*s = head;
	SET_VARSIZE(s, bm_flat_size(&head, 0));
	get_words(buf, (uint64 *) (s + 1), s->config_words + (Size) s->n * s->words);
	s->config_hash = bm_flat_hash(bm_flat_config(s), s->config_words);
	if (s->n > 0)
		s->last = (int64) bm_flat_entries(s)[(s->n - 1) * s->words];
	pq_getmsgint(buf, OUTER_CRC);
	wrong = entries_wrong(s, kind);
	if (wrong)
		raise_damaged(kind, sqlstate, wrong);
	return s;
}

Datum
bm_flat_send(FunctionCallInfo fcinfo, const BmFlatKind *kind)
{
	const BmFlat *s = bm_flat_get(PG_GETARG_DATUM(0), kind);
	StringInfoData buf;

	pq_begintypsend(&buf);
	serialize(&buf, s);
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}

Datum
bm_flat_recv(FunctionCallInfo fcinfo, const BmFlatKind *kind)
{
	StringInfo buf = (StringInfo) PG_GETARG_POINTER(0);

	/* the caller checks that all of it was read */
	PG_RETURN_POINTER(deserialize(buf, kind, ERRCODE_INVALID_BINARY_REPRESENTATION));
}

/*
 * Base64 piece by piece, so that a cancel is heard: 3 bytes are 4 characters, so pieces of whole
 * threes and fours join without a seam. Both return the length, or -1.
 */
static int
encode_base64(const char *from, int len, char *to, int room)
{
	int out = 0;

	for (int at = 0; at < len; at += B64_BYTES)
	{
		int n = pg_b64_encode((void *) (from + at), Min(B64_BYTES, len - at), to + out, room - out);

		if (n < 0)
			return -1;
		out += n;
		CHECK_FOR_INTERRUPTS();
	}
	return out;
}

static int
decode_base64(const char *from, int len, char *to, int room)
{
	int out = 0;

	for (int at = 0; at < len; at += B64_CHARS)
	{
		int chars = Min(B64_CHARS, len - at);
		int n = pg_b64_decode(from + at, chars, (void *) (to + out), room - out);

		/* padding ends the text; in the middle it makes a piece too short */
		if (n < 0 || (at + chars < len && n != B64_BYTES))
			return -1;
		out += n;
		CHECK_FOR_INTERRUPTS();
	}
	return out;
}

Datum
bm_flat_out(FunctionCallInfo fcinfo, const BmFlatKind *kind)
{
	const BmFlat *s = bm_flat_get(PG_GETARG_DATUM(0), kind);
	Size room = 8 + (outer_size(s) + 2) / 3 * 4;
	StringInfoData buf;
	char *text;
	int prefix, len;

	if (room > MaxAllocSize)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("a state of type %s is too large for its text form", kind->type),
						errdetail("It has %lld events, %s in all.", (long long) s->n,
								  bm_size_text(bm_flat_size(s, 0))),
						errhint("Send it in binary form, or store it in a table.")));
	initStringInfo(&buf);
	serialize(&buf, s);
	text = palloc(room);
	prefix = sprintf(text, "%s%d:", TEXT_PREFIX, TEXT_VERSION);
	len = encode_base64(buf.data, buf.len, text + prefix, room - prefix - 1);
	if (len < 0)
		elog(ERROR, "base64 needs more room than was computed");
	text[prefix + len] = '\0';
	pfree(buf.data);
	PG_RETURN_CSTRING(text);
}

Datum
bm_flat_in(FunctionCallInfo fcinfo, const BmFlatKind *kind)
{
	const char *text = PG_GETARG_CSTRING(0), *colon = strchr(text, ':');
	int version = 0, len;
	StringInfoData buf;

	if (colon == NULL || colon - text > 5 || sscanf(text, TEXT_PREFIX "%2d:", &version) != 1 ||
		version < 1)
		raise_damaged(kind, ERRCODE_INVALID_TEXT_REPRESENTATION,
					  "It does not begin with \"bm1:\" as states do.");
	if (version > TEXT_VERSION)
		raise_newer(kind, version);
	initStringInfo(&buf);
	len = strlen(colon + 1);
	enlargeStringInfo(&buf, pg_b64_dec_len(len));
	buf.len = decode_base64(colon + 1, len, buf.data, pg_b64_dec_len(len));
	if (buf.len < 0)
		raise_damaged(kind, ERRCODE_INVALID_TEXT_REPRESENTATION, "It is no valid base64.");
	PG_RETURN_POINTER(deserialize(&buf, kind, ERRCODE_INVALID_TEXT_REPRESENTATION));
}
