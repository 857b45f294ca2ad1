/*
 * caret.c
 *		The line of a pattern that is wrong, and under it a caret.
 */
#include "pattern/caret.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"

#define SHOWN_BEFORE 60 /* characters to the left of the fault, and to its right */
#define SHOWN_BEHIND 20

/* One character of the pattern onto s, what is no printable one as a blank. */
static void
append_character(StringInfo s, const char *c)
{
	if (pg_mblen(c) == 1 && (unsigned char) *c < ' ')
		appendStringInfoChar(s, ' ');
	else
		appendBinaryStringInfo(s, c, pg_mblen(c));
}

/* Columns that a character takes on a terminal. */
static int
width(const char *c)
{
	return Max(1, pg_dsplen(c));
}

/* The pattern around character at, and a line with the caret below it. */
static char *
caret_lines(const char *text, int at)
{
	StringInfoData line, below;
	const char *c = text;
	int i = 0;

	initStringInfo(&line);
	initStringInfo(&below);
	if (at > SHOWN_BEFORE)
	{
		appendStringInfoString(&line, "...");
		appendStringInfoString(&below, "   ");
		for (; i < at - SHOWN_BEFORE; i++)
			c += pg_mblen(c);
	}
	for (; *c && i < at + SHOWN_BEHIND; i++, c += pg_mblen(c))
	{
		append_character(&line, c);
		if (i < at)
			appendStringInfoSpaces(&below, width(c));
	}
	if (*c)
		appendStringInfoString(&line, "...");
	return psprintf("%s\n%s^", line.data, below.data);
}

void
bm_raise_pattern(const char *text, size_t len, const BmPatternError *error, const char *hint)
{
	char *copy = pnstrdup(text, len);
	int at = pg_mbstrlen_with_len(copy, (int) error->at);
	bool syntax = error->fault == BM_PATTERN_SYNTAX;

	ereport(ERROR, (errcode(syntax ? ERRCODE_SYNTAX_ERROR : ERRCODE_INVALID_PARAMETER_VALUE),
					syntax ? errmsg("syntax error in a pattern: %s", error->what)
						   : errmsg("a pattern cannot be used: %s", error->what),
					errdetail("At character %d:\n%s", at + 1, caret_lines(copy, at)),
					hint && error->fault == BM_PATTERN_NAME ? errhint("%s", hint) : 0));
}
