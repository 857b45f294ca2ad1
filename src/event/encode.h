/*
 * encode.h
 *		Encoders of rows: what is asked for, by options; fitting, with errors and notices that name the
 *		column; and their description as jsonb, alone or beside tensors that are stored elsewhere.
 *
 * {"format": 1, "time_zone": "UTC", "target": null, "width": 3, "codes": 0,
 *  "columns": [{"name": "age", "type": "integer", "category": false, "encode": "number", ...}],
 *  "data": {"encoder": "AQAA...", ...}}
 * name, type and category of the columns and data say everything; the rest is for people.
 */
#ifndef BM_EVENT_ENCODE_H
#define BM_EVENT_ENCODE_H

#include "pg/options.h"
#include "event/frame_read.h"

/* Keys that the options of an encoder have; a model that has one adds them to its own. */
typedef struct BmEncodeOptions
{
	Jsonb *columns; /* by column: keys of bm_encode_column_options */
	Jsonb
		*numbers; /* the same for all columns that are numbers, unless the column says otherwise; */
	Jsonb *categories; /* ... that are categories by their type */
	Jsonb *times;
	Jsonb *vectors;
	Jsonb *exclude;  /* names of columns that are no features */
	char *time_zone; /* wall clock of timestamptz columns */
	int folds;       /* of target encodings */
} BmEncodeOptions;

extern const BmOptionSpec bm_encode_options[];
extern const BmOptionSpec bm_encode_column_options[];

/* Options given as jsonb, or NULL; 22023. */
extern void bm_encode_options_parse(BmEncodeOptions *options, Jsonb *json);

/* Columns of a relation and what is asked of them. */
typedef struct BmEncodePlan
{
	Oid relation;          /* or none: bm_encode_plan_types */
	int n;                 /* columns of the encoder */
	BmFrameColumn *column; /* (n), and room for BM_PLAN_EXTRA more to read along (a target) */
	BmColumnSpec *spec;    /* (n) */
	char *time_zone;
	uint32 folds;
	bool quiet; /* no notices: this is not the first fit of the plan */
} BmEncodePlan;

#define BM_PLAN_EXTRA 4

/*
 * features NULL: all columns of relation but target and what options exclude. 22023 for unknown or
 * impossible options, 42703 and 42804 for columns, with the nearest name.
 */
extern BmEncodePlan *bm_encode_plan(Oid relation, char **features, int nfeatures,
									const char *target, const BmEncodeOptions *options);

/* The same for n columns of no relation, which are of these types. */
extern BmEncodePlan *bm_encode_plan_types(char **name, const Oid *type, int n,
										  const BmEncodeOptions *options);

/* An encoder that rows of any table can be put through. */
typedef struct BmTableEncoder
{
	BmRowEncoder core;
	BmFrameColumn *column; /* (core.ncolumns): names, and types as they were in the fit */
	char **type;           /* (core.ncolumns) the types' names, for messages */
	BmZone zone;
	char *time_zone;
	char *target; /* or NULL */
} BmTableEncoder;

/*
 * Fit on the training rows of frame, whose first columns are the plan's, in the current context and mem.
 * 22000 for a column that is not finite or no column left; a NOTICE for each column that is constant or
 * empty.
 */
extern BmTableEncoder *bm_encode_fit(const BmEncodePlan *plan, const BmFrame *frame,
									 BmEncoderFit *fit, BmMem *mem);
/* Its description; data: with its tensors, so that it is complete. */
extern Jsonb *bm_encode_jsonb(BmTableEncoder *encoder, bool data);
/*
 * Back, in the current context and mem: from tensors named prefix*, or, where they are NULL, from the
 * description's own data. XX001 with what is wrong; 0A000 from a newer version.
 */
extern BmTableEncoder *bm_encode_load(Jsonb *description, const BmTensors *tensors,
									  const char *prefix, BmMem *mem);
/*
 * The columns of relation for bm_frame_read, so that the frame fits the encoder: 42703 for one that has
 * disappeared, 42804 for one that has become of another kind.
 */
extern BmFrameColumn *bm_encode_columns(const BmTableEncoder *encoder, Oid relation);
/* Is column j read at all? What is left out is not. */
extern bool bm_encode_uses(const BmTableEncoder *encoder, int j);
/* One value's type against column j: 42804 when it cannot be encoded by it. */
extern void bm_encode_check_type(const BmTableEncoder *encoder, int j, BmFrameColumn *column,
								 Oid type);

#endif
