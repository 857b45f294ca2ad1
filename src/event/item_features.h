/*
 * item_features.h
 *		What a source's table of items says of them, as terms and vectors; and items without events.
 */
#ifndef BM_ITEM_FEATURES_H
#define BM_ITEM_FEATURES_H

#include "event/log.h"

/*
 * Read the table of items as the caller. Its items that the log does not know are appended to the log's
 * dictionary, with no event, in the order of their keys; the codes of the others stay. Terms and vectors are
 * taken from log->mem, by the log's codes then.
 *
 * columns: NULL for all that can say something, or an object of columns: a weight, "category" (a number's
 * values are names, not amounts), or {"weight": 2, "as": "category"}; or an array of columns. Keys, texts,
 * booleans and enums are one term a value, text[] is several, a number the tenth of the items that it is in,
 * real[] a vector, which is made a unit one.
 *
 * 55000 without a table of items, 42703 and 42804 for columns, 22023 for malformed columns, 22000 for a
 * table that says nothing, 53400 above behavmine.max_memory.
 */
extern const BmItemFeatures *bm_item_features(BmLog *log, Jsonb *columns, BmWatch *watch);

#endif
