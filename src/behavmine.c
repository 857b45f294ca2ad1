/*
 * behavmine.c
 *		_PG_init, the settings, and the one table of algorithms.
 */
#include "pg/pg.h"
#include "pg/compat.h"
#include "model/algorithm.h"

PG_MODULE_MAGIC;
