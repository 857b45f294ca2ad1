/*
 * flat.h
 *		Flat aggregate states: one varlena that travels between processes, partitions, servers and
 *		tables. A list of fixed-size entries (time and value), in no order until somebody asks.
 *
 * A base type of ours for each kind, never internal: so the same aggregate runs under parallel
 * workers, partition-wise, over foreign servers, and its states can be stored and merged later.
 *
 * A new kind needs: a number below, a BmFlatKind, BM_FLAT_TYPE(behav_x_state, x_kind) in its C file
 * (defines behav_x_state_in, _out, _recv, _send, _combine, _final), and in SQL the type (INTERNALLENGTH =
 * VARIABLE, ALIGNMENT = double, STORAGE = extended), and an aggregate with SFUNC of its own,
 * COMBINEFUNC = behav_x_state_combine (STRICT), FINALFUNC_MODIFY = READ_ONLY, PARALLEL = SAFE.
 * Its transition function is not STRICT:
 *
 *		BmFlat *s = bm_flat_writable(fcinfo, &x_kind);
 *		if (s == NULL) s = bm_flat_new(&x_kind, config, nwords);
 *		if (PG_ARGISNULL(1) || TIMESTAMP_NOT_FINITE(PG_GETARG_TIMESTAMPTZ(1))) s->ignored++;
 *		else s = bm_flat_add(s, PG_GETARG_TIMESTAMPTZ(1), mask);
 *		PG_RETURN_POINTER(s);
 */
#ifndef BM_FLAT_H
#define BM_FLAT_H

#include "pg/pg.h"
#include "core/mine/entries.h"

/* Written into stored states: never renumber, never reuse. */
typedef enum BmFlatId
{
	BM_FLAT_FUNNEL = 1,
	BM_FLAT_SESSION = 2,
	BM_FLAT_RETENTION = 3,
	BM_FLAT_SEQUENCE = 4,
	BM_FLAT_PATH = 5,
	BM_FLAT_RHYTHM = 6,
	BM_FLAT_ACTIVITY = 7,
	BM_FLAT_SURVIVAL = 8,
	BM_FLAT_NODE = 9,
	BM_FLAT_UPLIFT = 20,
	BM_FLAT_COLUMN = 30,
	BM_FLAT_CATEGORY = 31
} BmFlatId;

#define BM_FLAT_SORTED 1 /* flag: the entries are in the order of entries.h */

/*
 * In memory and in tables, version 1, the machine's byte order: 40 bytes, then config (config_words), then n
 * entries of words, then spare room up to VARSIZE (zeros). All words have 64 bits.
 */
typedef struct BmFlat
{
	int32 vl_len_;       /* varlena header, always of 4 bytes here; use SET_VARSIZE */
	uint8 kind;          /* BmFlatId */
	uint8 version;       /* of the kind's format */
	uint8 flags;         /* BM_FLAT_SORTED */
	uint8 words;         /* 64-bit words in an entry */
	uint32 config_words; /* states are combined only where these words are equal */
	uint32 config_hash; /* bm_flat_hash of them: tells another configuration without a look at it */
	int64 n;            /* entries */
	int64 last;         /* first word of the last entry: an append need not fetch that entry */
	int64 ignored;      /* rows left out: NULL or infinite time */
} BmFlat;

/* What a type of states is; one constant of static storage for each SQL type. */
typedef struct BmFlatKind
{
	const char *type;    /* SQL name, for messages: "behav_funnel_state" */
	const char *config;  /* what the configuration is, for messages: "window and options" */
	uint8 id;            /* BmFlatId */
	uint8 version;       /* newest version of the format that this library knows, from 1 */
	uint8 words;         /* 64-bit words in an entry: 2 = time and value */
	bool times;          /* the first word of an entry is a finite timestamptz */
	uint32 config_words; /* of every state; the least where config_max is not 0 */
	/* What is wrong with a value from outside, or NULL. Sizes and times are checked. May be NULL. */
	const char *(*check)(const BmFlat *state);
	uint32 config_max; /* the most configuration words; 0: always config_words */
} BmFlatKind;

static inline const uint64 *
bm_flat_config(const BmFlat *s)
{
	return (const uint64 *) (s + 1);
}

static inline uint64 *
bm_flat_entries(const BmFlat *s)
{
	return (uint64 *) (s + 1) + s->config_words;
}

/* Bytes that n more entries would need in all. */
static inline Size
bm_flat_size(const BmFlat *s, int64 more)
{
	return sizeof(BmFlat) + sizeof(uint64) * (s->config_words + (Size) (s->n + more) * s->words);
}

/* Of n configuration words; the same on every machine. */
extern uint32 bm_flat_hash(const uint64 *config, uint32 n);
/* An empty state with these configuration words (kind->config_words), in the current context. */
extern BmFlat *bm_flat_new(const BmFlatKind *kind, const uint64 *config);
/* The same with n words, for kinds with config_max. */
extern BmFlat *bm_flat_new_config(const BmFlatKind *kind, const uint64 *config, uint32 n);
/*
 * A copy of s, entries and all, with room for n configuration words; those are zeros. For kinds whose
 * configuration grows with what is in the state, and whose combine is their own.
 */
extern BmFlat *bm_flat_reconfigure(const BmFlat *s, uint32 n);
/* A datum to read: detoasted and aligned, its header checked (0A000 from a newer version). */
extern const BmFlat *bm_flat_get(Datum value, const BmFlatKind *kind);
/*
 * Argument 0 to change: itself inside an aggregate, elsewhere (and where it is packed) a copy; NULL
 * for NULL. What is returned must be what the function returns.
 */
extern BmFlat *bm_flat_writable(FunctionCallInfo fcinfo, const BmFlatKind *kind);
/* s with room for more entries: s, or a larger copy in the current context. 54000 at 1 GB. */
extern BmFlat *bm_flat_grow(BmFlat *s, int64 more);
/* A copy without spare room, or s where it has none. */
extern const BmFlat *bm_flat_trim(const BmFlat *s);
/* The entries in order: the state's own, or a sorted copy in the current context. */
extern const uint64 *bm_flat_sorted(const BmFlat *s);
/* Bring the entries of s (writable) into order, in place. */
extern void bm_flat_sort(BmFlat *s);
/* Append the entries of b to a (writable); 22023 where their configurations differ. */
extern BmFlat *bm_flat_append(BmFlat *a, const BmFlat *b, const BmFlatKind *kind);

/* After the entries were put in order, united or dropped in place: n of them are left, sorted. */
static inline void
bm_flat_settle(BmFlat *s, int64 n)
{
	s->n = n;
	s->flags |= BM_FLAT_SORTED;
	s->last = n > 0 ? (int64) bm_flat_entries(s)[(Size) (n - 1) * s->words] : 0;
}

/* Append one entry of s->words words; keeps the sorted flag as long as it is true. */
static inline BmFlat *
bm_flat_push(BmFlat *s, const uint64 *entry)
{
	uint64 *to;

	if (unlikely(bm_flat_size(s, 1) > VARSIZE(s)))
		s = bm_flat_grow(s, 1);
	to = bm_flat_entries(s) + (Size) s->n * s->words;
	for (int w = 0; w < s->words; w++)
		to[w] = entry[w];
	if ((s->flags & BM_FLAT_SORTED) && s->n > 0 && (int64) entry[0] <= s->last &&
		!bmc_entry_le(to - s->words, to, s->words))
		s->flags &= ~BM_FLAT_SORTED;
	s->last = (int64) entry[0];
	s->n++;
	return s;
}

/* Append (time, value) to a state of two words an entry. */
static inline BmFlat *
bm_flat_add(BmFlat *s, int64 time, uint64 value)
{
	uint64 *to;

	Assert(s->words == 2);
	if (unlikely(bm_flat_size(s, 1) > VARSIZE(s)))
		s = bm_flat_grow(s, 1);
	to = bm_flat_entries(s) + 2 * (Size) s->n;
	to[0] = (uint64) time;
	to[1] = value;
	if (unlikely(time <= s->last) && (s->flags & BM_FLAT_SORTED) && s->n > 0 &&
		!bmc_entry_le(to - 2, to, 2))
		s->flags &= ~BM_FLAT_SORTED;
	s->last = time;
	s->n++;
	return s;
}

/* Bodies of the support functions of a kind. */
extern Datum bm_flat_in(FunctionCallInfo fcinfo, const BmFlatKind *kind);
extern Datum bm_flat_out(FunctionCallInfo fcinfo, const BmFlatKind *kind);
extern Datum bm_flat_recv(FunctionCallInfo fcinfo, const BmFlatKind *kind);
extern Datum bm_flat_send(FunctionCallInfo fcinfo, const BmFlatKind *kind);
extern Datum bm_flat_combine(FunctionCallInfo fcinfo, const BmFlatKind *kind);
/* bigint: entries; rows left out. Not in BM_FLAT_TYPE: BM_FLAT_FUNCTION(type, events, kind). */
extern Datum bm_flat_events(FunctionCallInfo fcinfo, const BmFlatKind *kind);
extern Datum bm_flat_ignored(FunctionCallInfo fcinfo, const BmFlatKind *kind);
/* The state itself, trimmed: FINALFUNC of an aggregate that answers a state, and of a roll-up. */
extern Datum bm_flat_final(FunctionCallInfo fcinfo, const BmFlatKind *kind);

#define BM_FLAT_FUNCTION(type, what, kind)                                                         \
	BM_FUNCTION(type##_##what);                                                                    \
	Datum type##_##what(PG_FUNCTION_ARGS)                                                          \
	{                                                                                              \
		return bm_flat_##what(fcinfo, &(kind));                                                    \
	}                                                                                              \
	extern Datum type##_##what(PG_FUNCTION_ARGS)

/* All of them, for kinds whose combine is concatenation. */
#define BM_FLAT_TYPE(type, kind)                                                                   \
	BM_FLAT_FUNCTION(type, in, kind);                                                              \
	BM_FLAT_FUNCTION(type, out, kind);                                                             \
	BM_FLAT_FUNCTION(type, recv, kind);                                                            \
	BM_FLAT_FUNCTION(type, send, kind);                                                            \
	BM_FLAT_FUNCTION(type, combine, kind);                                                         \
	BM_FLAT_FUNCTION(type, final, kind)

#endif
