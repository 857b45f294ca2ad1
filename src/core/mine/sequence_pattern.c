/*
 * sequence_pattern.c
 *		The parser of sequence_pattern.h: one pass, no look-back; the first fault ends it.
 */
#include "core/mine/sequence_pattern.h"

#include <string.h>

#define MICROS 1000000

typedef struct Parser
{
	BmSequencePattern *p;
	const char *text;
	size_t len, at;
	int nconditions;
	BmPatternError *error;
	/* the gap being collected since the last event */
	bool star, timed;
	uint64_t least, most;
} Parser;

static BmStatus
syntax(Parser *s, const char *what)
{
	return bmc_pattern_fault(s->error, BM_PATTERN_SYNTAX, s->at, what);
}

static void
skip_blanks(Parser *s)
{
	while (s->at < s->len && strchr(" \t\r\n\f\v", s->text[s->at]) && s->text[s->at])
		s->at++;
}

/* Take this character if it is the next one. */
static bool
take(Parser *s, char c)
{
	if (s->at >= s->len || s->text[s->at] != c)
		return false;
	s->at++;
	return true;
}

static bool
at_digit(const Parser *s)
{
	return s->at < s->len && s->text[s->at] >= '0' && s->text[s->at] <= '9';
}

/* Digits into *v; false when they exceed most. */
static bool
take_digits(Parser *s, uint64_t most, uint64_t *v)
{
	*v = 0;
	while (at_digit(s))
	{
		*v = *v * 10 + (uint64_t) (s->text[s->at++] - '0');
		if (*v > most)
			return false;
	}
	return true;
}

/* The gap is over: element j = p->n begins with it. */
static void
close_gap(Parser *s)
{
	BmSequencePattern *p = s->p;
	uint64_t bit = UINT64_C(1) << p->n;

	if (p->n > 0)
	{
		if (!s->timed && !s->star)
			p->adjacent |= bit;
		else if (s->least > 0)
			p->delayed |= bit;
		else if (s->most < UINT64_MAX)
			p->bounded |= bit;
		else
			p->open |= bit;
	}
	p->least[p->n] = s->least;
	p->most[p->n] = s->most;
	s->star = s->timed = false;
	s->least = 0;
	s->most = UINT64_MAX;
}

/* condition 0-based, or -1 for any event. */
static BmStatus
add_element(Parser *s, int condition, size_t at)
{
	BmSequencePattern *p = s->p;

	if (p->n == BM_MAX_ELEMENTS)
		return bmc_pattern_fault(s->error, BM_PATTERN_RANGE, at, "it has more than 64 events");
	close_gap(s);
	if (condition < 0)
		p->any |= UINT64_C(1) << p->n;
	else
		p->uses[63 - condition] |= UINT64_C(1) << p->n;
	p->condition[p->n++] = condition < 0 ? 255 : (uint8_t) condition;
	return BM_OK;
}

static BmStatus
close_parenthesis(Parser *s)
{
	skip_blanks(s);
	return take(s, ')') ? BM_OK : syntax(s, "expected \")\"");
}

/* N of (?N) */
static BmStatus
parse_condition(Parser *s, size_t begin)
{
	size_t at = s->at;
	uint64_t v;
	BmStatus status;

	if (!take_digits(s, 100000, &v) || v < 1 || v > (uint64_t) s->nconditions)
		return bmc_pattern_fault(s->error, BM_PATTERN_NAME, at,
								 "there is no condition of this number");
	status = close_parenthesis(s);
	return status == BM_OK ? add_element(s, (int) v - 1, begin) : status;
}

/* Seconds with up to six decimals, as microseconds. */
static BmStatus
parse_seconds(Parser *s, uint64_t *micros)
{
	size_t at = s->at;
	uint64_t scale = MICROS;

	if (!at_digit(s))
		return syntax(s, "expected a number of seconds");
	if (!take_digits(s, BM_MAX_SECONDS, micros))
		return bmc_pattern_fault(s->error, BM_PATTERN_RANGE, at,
								 "a bound is at most 100000000000 seconds");
	*micros *= MICROS;
	if (!take(s, '.'))
		return BM_OK;
	if (!at_digit(s))
		return syntax(s, "expected decimals of the seconds");
	for (; at_digit(s); s->at++)
	{
		if (scale == 1)
			return syntax(s, "seconds have at most six decimals");
		scale /= 10;
		*micros += scale * (uint64_t) (s->text[s->at] - '0');
	}
	return BM_OK;
}

/* "op s" of (?t op s) narrows the gap; a bound that nothing meets leaves least > most. */
static BmStatus
parse_bound(Parser *s)
{
	uint64_t v, least = 0, most = UINT64_MAX;
	bool above = false, below = false, equal;
	BmStatus status;

	skip_blanks(s);
	if (take(s, '>'))
		above = true;
	else if (take(s, '<'))
		below = true;
	else if (!take(s, '='))
		return syntax(s, "expected one of > >= < <= ==");
	equal = take(s, '=') || (!above && !below);
	skip_blanks(s);
	status = parse_seconds(s, &v);
	if (status != BM_OK)
		return status;
	if (!below)
		least = equal ? v : v + 1;
	if (!above)
		most = equal ? v : v - 1;
	if (below && !equal && v == 0)
		least = 1, most = 0; /* less than nothing */
	s->least = least > s->least ? least : s->least;
	s->most = most < s->most ? most : s->most;
	s->timed = true;
	return close_parenthesis(s);
}

static BmStatus
parse_group(Parser *s)
{
	size_t begin = s->at++;

	if (!take(s, '?'))
		return syntax(s, "expected \"?\": a group is (?N) or (?t op seconds)");
	if (at_digit(s))
		return parse_condition(s, begin);
	if (!take(s, 't'))
		return syntax(s, "expected a condition number or \"t\"");
	if (s->p->n == 0)
		return bmc_pattern_fault(s->error, BM_PATTERN_SYNTAX, begin,
								 "a time bound needs an event before it");
	return parse_bound(s);
}

static BmStatus
parse_dot(Parser *s)
{
	size_t begin = s->at++;

	skip_blanks(s);
	if (!take(s, '*'))
		return add_element(s, -1, begin);
	s->star = true;
	return BM_OK;
}

BmStatus
bmc_sequence_parse(BmSequencePattern *p, const char *text, size_t len, int nconditions,
				   BmPatternError *error)
{
	Parser s = {p, text, len, 0, nconditions, error, false, false, 0, UINT64_MAX};
	BmStatus status = BM_OK;

	memset(p, 0, sizeof(*p));
	p->within = UINT64_MAX;
	for (skip_blanks(&s); s.at < len && status == BM_OK; skip_blanks(&s))
	{
		if (text[s.at] == '(')
			status = parse_group(&s);
		else if (text[s.at] == '.')
			status = parse_dot(&s);
		else
			status = syntax(&s, "expected (?N), (?t op seconds), \".\" or \".*\"");
		if (status != BM_OK)
			return status;
	}
	p->peek = s.timed && s.least > 0;
	if (p->peek)
		return add_element(&s, -1, len);
	if (p->n == 0)
		return syntax(&s, "expected an event: (?N) or \".\"");
	return BM_OK;
}
