/*
 * portrait_state.c
 *		Portraits as bytes: what behavmine.portrait holds of a user.
 *
 * Version 1: a byte 1, then the fields in the order below, then the CRC-32C of all that, little endian.
 * Whole numbers are of variable length (7 bits a byte, the lowest first, the sign in the lowest bit), other
 * numbers 8 bytes (the taste vector 4), little endian; names are a length and bytes. Equal on all machines.
 */
#include "pg/pg.h"

#include <math.h>

#include "lib/stringinfo.h"
#include "port/pg_crc32c.h"

#include "portrait/portrait.h"

#define FORMAT 1
#define CRC_BYTES 4

/* Either end of the conversion: one list of fields serves both. */
typedef struct Codec
{
	StringInfo out; /* NULL: reading */
	const unsigned char *in, *end;
	const BmDictView *events, *names; /* writing */
	BmDict *put_events, *put_names;   /* reading */
} Codec;

static void
damaged(void)
{
	ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("a stored portrait is damaged"),
					errhint("Make the portraits anew: SELECT * FROM behav_portraits(<source>, "
							"rebuild => true).")));
}

/* ---- numbers ---- */

static uint64
read_varint(Codec *c)
{
	uint64 v = 0;

	for (int shift = 0; shift < 64; shift += 7)
	{
		if (c->in == c->end)
			damaged();
		v |= (uint64) (*c->in & 0x7f) << shift;
		if (!(*c->in++ & 0x80))
			return v;
	}
	damaged();
	return 0;
}

static void
write_varint(StringInfo out, uint64 v)
{
	for (; v >= 0x80; v >>= 7)
		appendStringInfoCharMacro(out, (char) (v | 0x80));
	appendStringInfoCharMacro(out, (char) v);
}

static void
put_int64(Codec *c, int64 *v)
{
	if (c->out)
		write_varint(c->out, ((uint64) *v << 1) ^ (uint64) (*v >> 63));
	else
	{
		uint64 u = read_varint(c);

		*v = (int64) (u >> 1) ^ -(int64) (u & 1);
	}
}

static void
put_uint32(Codec *c, uint32 *v)
{
	if (c->out)
		write_varint(c->out, *v);
	else
	{
		uint64 u = read_varint(c);

		if (u > PG_UINT32_MAX)
			damaged();
		*v = (uint32) u;
	}
}

static void
put_int32(Codec *c, int32 *v)
{
	int64 wide = *v;

	put_int64(c, &wide);
	if (wide < PG_INT32_MIN || wide > PG_INT32_MAX)
		damaged();
	*v = (int32) wide;
}

/* bytes little-endian bytes of a word */
static void
put_word(Codec *c, uint64 *word, int bytes)
{
	if (c->out)
		for (int i = 0; i < bytes; i++)
			appendStringInfoCharMacro(c->out, (char) (*word >> (8 * i)));
	else
	{
		*word = 0;
		if (c->end - c->in < bytes)
			damaged();
		for (int i = 0; i < bytes; i++)
			*word |= (uint64) *c->in++ << (8 * i);
	}
}

static void
put_double(Codec *c, double *v)
{
	uint64 word;

	memcpy(&word, v, sizeof(word));
	put_word(c, &word, 8);
	memcpy(v, &word, sizeof(word));
	if (!isfinite(*v))
		damaged();
}

static void
put_count(Codec *c, uint32 *n, uint32 most)
{
	put_uint32(c, n);
	if (*n > most)
		damaged();
}

/* ---- parts ---- */

static void
put_name(Codec *c, uint32 *code, const BmDictView *d, BmDict *put)
{
	if (c->out)
	{
		size_t len = d->offset[*code + 1] - d->offset[*code];

		write_varint(c->out, len);
		appendBinaryStringInfo(c->out, d->blob + d->offset[*code], (int) len);
	}
	else
	{
		uint64 len = read_varint(c);

		if (len > (uint64) (c->end - c->in))
			damaged();
		*code = bm_people_code(put, (const char *) c->in, len);
		c->in += len;
	}
}

static void
put_spread(Codec *c, BmSpread *s)
{
	put_uint32(c, &s->n);
	if (s->n == 0)
		return;
	put_double(c, &s->mean);
	put_double(c, &s->m2);
	put_double(c, &s->min);
	put_double(c, &s->max);
}

static void
put_burst(Codec *c, BmBurst *b)
{
	put_int64(c, &b->span);
	put_uint32(c, &b->n);
	put_uint32(c, &b->most);
	put_int64(c, &b->at);
}

static void
put_tally(Codec *c, BmTally *t, int kind)
{
	put_count(c, &t->n, BM_PORTRAIT_SLOTS);
	if (t->n == 0)
		return;
	put_uint32(c, &t->events);
	put_double(c, &t->recent);
	for (uint32_t i = 0; i < t->n; i++)
	{
		BmTallySlot *s = &t->slot[i];

		put_name(c, &s->code, c->names ? &c->names[kind] : NULL,
				 c->put_names ? &c->put_names[kind] : NULL);
		put_uint32(c, &s->n);
		put_uint32(c, &s->over);
		put_uint32(c, &s->bought);
		put_double(c, &s->recent);
		put_int64(c, &s->first);
		put_int64(c, &s->last);
	}
}

static void
put_behaviours(Codec *c, BmPortrait *p)
{
	put_count(c, &p->nevents, BM_PORTRAIT_EVENTS);
	put_count(c, &p->current, BM_PORTRAIT_EVENTS - 1);
	if (p->nevents > 0 && p->current >= p->nevents)
		damaged();
	for (uint32_t i = 0; i < p->nevents; i++)
	{
		put_name(c, &p->event[i], c->events, c->put_events);
		put_uint32(c, &p->count[i]);
		put_int64(c, &p->newest[i]);
		for (uint32_t j = 0; j < p->nevents; j++)
			put_uint32(c, &p->next[i][j]);
	}
}

static void
put_times(Codec *c, BmPortrait *p)
{
	put_int64(c, &p->first);
	put_int64(c, &p->last);
	put_uint32(c, &p->events);
	put_uint32(c, &p->sessions);
	put_uint32(c, &p->days);
	put_int32(c, &p->last_day);
	for (int h = 0; h < 24; h++)
		put_uint32(c, &p->hour[h]);
	for (int d = 0; d < 7; d++)
		put_uint32(c, &p->weekday[d]);
	put_int64(c, &p->week);
	for (int w = 0; w < BM_PORTRAIT_WEEKS; w++)
		put_uint32(c, &p->weekly[w]);
	put_burst(c, &p->events_in_1min);
}

static void
put_orders(Codec *c, BmPortrait *p)
{
	put_uint32(c, &p->purchases);
	put_uint32(c, &p->returns);
	if (p->purchases == 0 && p->returns == 0)
		return;
	put_uint32(c, &p->orders);
	put_int32(c, &p->order_day);
	put_int32(c, &p->first_order_day);
	put_int64(c, &p->first_purchase);
	put_int64(c, &p->last_purchase);
	put_double(c, &p->total);
	put_double(c, &p->returned);
	put_spread(c, &p->price);
	put_spread(c, &p->amount);
	put_double(c, &p->odd);
	put_double(c, &p->odd_amount);
	put_int64(c, &p->odd_at);
	put_uint32(c, &p->listed);
	put_uint32(c, &p->discounted);
	put_double(c, &p->saved);
	put_burst(c, &p->orders_in_10min);
}

static void
put_taste(Codec *c, BmPortrait *p)
{
	double largest = 0;

	for (int i = 0; i < BM_PORTRAIT_TASTE; i++)
		largest = Max(largest, fabs(p->taste[i]));
	put_int64(c, &p->landmark);
	put_double(c, &largest);
	for (int i = 0; i < BM_PORTRAIT_TASTE && largest > 0; i++)
	{
		float share = c->out ? (float) (p->taste[i] / largest) : 0.0f;
		uint32 bits;
		uint64 word;

		memcpy(&bits, &share, sizeof(bits));
		word = bits;
		put_word(c, &word, 4);
		bits = (uint32) word;
		memcpy(&share, &bits, sizeof(bits));
		if (!(fabsf(share) <= 1.0f))
			damaged();
		if (!c->out)
			p->taste[i] = share * largest;
	}
}

/* All fields; the same order either way. */
static void
put_portrait(Codec *c, BmPortrait *p)
{
	put_taste(c, p); /* first: bm_portrait_taste_of reads nothing else */
	put_times(c, p);
	put_behaviours(c, p);
	put_orders(c, p);
	put_spread(c, &p->seen);
	for (int k = 0; k < BM_TALLIES; k++)
		put_tally(c, &p->tally[k], k);
	for (int t = 0; t < BM_TAGS; t++)
		put_int64(c, &p->since[t]);
}

static uint32
checksum(const void *bytes, size_t len)
{
	pg_crc32c crc;

	INIT_CRC32C(crc);
	COMP_CRC32C(crc, bytes, len);
	FIN_CRC32C(crc);
	return crc;
}

void
bm_portrait_encode(StringInfo buf, const BmPortrait *p, const BmDictView *events,
				   const BmDictView *names)
{
	Codec c = {.out = buf, .events = events, .names = names};
	int start = buf->len;
	uint64 crc;

	appendStringInfoChar(buf, FORMAT);
	put_portrait(&c, (BmPortrait *) p); /* writing changes nothing */
	crc = checksum(buf->data + start, (size_t) (buf->len - start));
	put_word(&c, &crc, CRC_BYTES);
}

void
bm_portrait_decode(BmPortrait *p, BmDict *events, BmDict *names, const char *bytes, size_t len)
{
	Codec c = {.in = (const unsigned char *) bytes, .put_events = events, .put_names = names};
	uint64 crc;

	bmc_portrait_init(p);
	if (len < 1 + CRC_BYTES || bytes[0] != FORMAT)
		damaged();
	c.in += len - CRC_BYTES;
	c.end = c.in + CRC_BYTES;
	put_word(&c, &crc, CRC_BYTES);
	if ((uint32) crc != checksum(bytes, len - CRC_BYTES))
		damaged();
	c.in = (const unsigned char *) bytes + 1;
	c.end = (const unsigned char *) bytes + len - CRC_BYTES;
	put_portrait(&c, p);
	if (c.in != c.end)
		damaged();
}

void
bm_portrait_taste_of(float *out, const char *bytes, size_t len)
{
	Codec c = {.in = (const unsigned char *) bytes + 1, .end = (const unsigned char *) bytes + len};
	BmPortrait p;

	if (len < 1 || bytes[0] != FORMAT)
		damaged();
	memset(p.taste, 0, sizeof(p.taste));
	put_taste(&c, &p);
	bmc_portrait_taste(out, &p);
}
