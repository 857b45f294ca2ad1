/*
 * onnx_none.c
 *		What behav_export(..., 'onnx') answers where the library was built without protobuf-c.
 */
#include "pg/pg.h"

#include "model/onnx.h"

bytea *
bm_onnx_write(const BmModel *model, const char *version, const char *items)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("this library was built without ONNX"),
			 errdetail("protobuf-c and its compiler were not there when it was built."),
			 errhint("Install libprotobuf-c-dev and protobuf-c-compiler, then run make and make "
					 "install again; or export as safetensors.")));
	return NULL;
}
