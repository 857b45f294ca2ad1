/*
 * sequence.h
 *		States of event sequences: what a group's events are, and what is asked of them.
 */
#ifndef BM_PATTERN_SEQUENCE_H
#define BM_PATTERN_SEQUENCE_H

#include "pg/flat.h"
#include "core/mine/sequence_pattern.h"

#define BM_MAX_PATTERN_BYTES 8192 /* of a pattern, and of all names together */

/*
 * Configuration words of a state: conditions | all rows << 8; the limit on a match's time in
 * microseconds, 0 for none; bytes of the pattern | bytes of the names << 32; then the pattern and the
 * names, each with a NUL behind it, eight bytes a word, the first one lowest, filled up with NULs.
 */
#define BM_SEQUENCE_HEAD 3
#define BM_SEQUENCE_CONFIG (BM_SEQUENCE_HEAD + 2 * BM_MAX_PATTERN_BYTES / 8)

typedef struct BmSequenceConfig
{
	int conditions;
	bool all_rows; /* rows of no condition are kept, too; the conditions have names */
	uint64 within; /* 0: none */
	char *pattern; /* pattern_bytes of them; empty for none */
	int pattern_bytes;
	char *names; /* names_bytes of them */
	int names_bytes;
} BmSequenceConfig;

extern const BmFlatKind bm_sequence_kind;

/* The configuration of a state, copied; XX001 when it is damaged. */
extern void bm_sequence_config(BmSequenceConfig *config, const BmFlat *s);
/* As words (BM_SEQUENCE_CONFIG of room); their number. */
extern uint32 bm_sequence_encode(uint64 *words, const BmSequenceConfig *config);
/* The compiled pattern; a caret under what is wrong. */
extern void bm_sequence_compile(BmSequencePattern *p, const char *pattern, int bytes,
								int conditions);
/* Conditions of a row (boolean[], 1 to 64) as the word of an entry; a NULL among them is false. */
extern uint64 bm_arg_conditions(FunctionCallInfo fcinfo, int arg, int *conditions);
/* Times of a match's events as timestamptz[]: those of (?N), not those of a dot. */
extern Datum bm_sequence_times(const BmSequencePattern *p, const uint64 *events,
							   const size_t *chain);
/* An interval argument as microseconds, 0 for NULL. */
extern uint64 bm_arg_within(FunctionCallInfo fcinfo, int i);

#endif
