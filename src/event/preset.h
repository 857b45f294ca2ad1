/*
 * preset.h
 *		Event tables as known systems write them.
 */
#ifndef BM_PRESET_H
#define BM_PRESET_H

#include "event/guess.h"

typedef struct BmPreset BmPreset;

/* 22023 with the nearest name when there is none. */
extern const BmPreset *bm_preset(const char *name);
/* Fill the columns that the preset names; 42703 when the table lacks one of them. */
extern void bm_preset_columns(const BmPreset *preset, BmColumns *columns, Oid relid);
/*
 * The relation to register: events itself, or the view behav_src_<source> over it that the preset
 * writes into the current schema (replaced when it is there). SPI must be connected.
 */
extern Oid bm_preset_relation(const BmPreset *preset, const char *source, Oid events);
/* Options that the preset implies, as jsonb text; NULL for none. */
extern const char *bm_preset_options(const BmPreset *preset);

#endif
