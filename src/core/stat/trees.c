/*
 * trees.c
 *		Answering from decision trees; see trees.h.
 */
#include "core/stat/trees.h"

#include <string.h>

#include "core/stat/link.h"

static const char *
check_nodes(const BmTrees *t)
{
	for (size_t i = 0; i < t->nnodes; i++)
	{
		int64_t self = (int64_t) i, end = (int64_t) t->nnodes;

		if (t->feature[i] == -1)
			continue;
		if (t->feature[i] < 0 || (size_t) t->feature[i] >= t->width)
			return "a node asks for a feature that there is not";
		if (t->left[i] <= self || t->left[i] >= end || t->right[i] <= self || t->right[i] >= end)
			return "a node has a child out of order";
	}
	for (size_t i = 0; i < t->ntrees; i++)
		if (t->tree[2 * i] < 0 || (size_t) t->tree[2 * i] >= t->nnodes || t->tree[2 * i + 1] < 0 ||
			(size_t) t->tree[2 * i + 1] >= t->K)
			return "a tree has no root or no class";
	return NULL;
}

const char *
bmc_trees_bind(BmTrees *t, const BmTensors *tensors, const char *prefix)
{
	size_t any = 0, one = 1, pairs[2] = {0, 2}, n;
	const BmTensor *feature = bmc_tensors_find(tensors, prefix, "feature", BM_I32, 1, &any);
	const BmTensor *tree = bmc_tensors_find(tensors, prefix, "tree", BM_I32, 2, pairs);
	const BmTensor *base = bmc_tensors_find(tensors, prefix, "base", BM_F32, 1, &any);
	const BmTensor *classes = bmc_tensors_find(tensors, prefix, "classes", BM_I32, 1, &one);
	const BmTensor *width = bmc_tensors_find(tensors, prefix, "width", BM_I32, 1, &one);
	const BmTensor *left, *right, *value, *mean;
	int32_t C, D;

	if (!feature || !tree || !base || !classes || !width)
		return "tensor \"feature\", \"tree\", \"base\", \"classes\" or \"width\" is missing";
	n = feature->shape[0];
	left = bmc_tensors_find(tensors, prefix, "left", BM_I32, 1, &n);
	right = bmc_tensors_find(tensors, prefix, "right", BM_I32, 1, &n);
	value = bmc_tensors_find(tensors, prefix, "value", BM_F32, 1, &n);
	mean = bmc_tensors_find(tensors, prefix, "mean", BM_F32, 1, &n);
	C = *(const int32_t *) classes->data;
	D = *(const int32_t *) width->data;
	if (!left || !right || !value || !mean)
		return "tensor \"left\", \"right\", \"value\" or \"mean\" is missing or has another shape";
	if (C < 0 || C == 1 || D < 0 || base->shape[0] != (C > 2 ? (size_t) C : 1))
		return "tensor \"base\" does not fit the classes";
	*t = (BmTrees){.nnodes = n,
				   .ntrees = tree->shape[0],
				   .K = base->shape[0],
				   .classes = (size_t) C,
				   .width = (size_t) D,
				   .feature = feature->data,
				   .left = left->data,
				   .right = right->data,
				   .value = value->data,
				   .mean = mean->data,
				   .tree = tree->data,
				   .base = base->data};
	return check_nodes(t);
}

static float
leaf_of(const BmTrees *t, size_t tree, const float *x)
{
	int32_t node = t->tree[2 * tree];

	while (t->feature[node] >= 0)
		node = x[t->feature[node]] < t->value[node] ? t->left[node] : t->right[node];
	return t->value[node];
}

void
bmc_trees_predict(float *out, const BmTrees *t, const float *x, size_t count)
{
	for (size_t i = 0; i < count; i++, x += t->width, out += bmc_outputs(t->classes))
	{
		memcpy(out, t->base, t->K * sizeof(float));
		for (size_t tree = 0; tree < t->ntrees; tree++)
			out[t->tree[2 * tree + 1]] += leaf_of(t, tree, x);
		bmc_link(out, t->classes);
	}
}

void
bmc_trees_explain(float *share, const BmTrees *t, const float *x, size_t target)
{
	size_t of = t->classes > 2 ? target : 0;
	float sign = t->classes == 2 && target == 0 ? -1.0f : 1.0f;

	memset(share, 0, t->width * sizeof(float));
	for (size_t tree = 0; tree < t->ntrees; tree++)
	{
		int32_t node = t->tree[2 * tree];

		if ((size_t) t->tree[2 * tree + 1] != of)
			continue;
		while (t->feature[node] >= 0)
		{
			int32_t f = t->feature[node];
			int32_t next = x[f] < t->value[node] ? t->left[node] : t->right[node];

			share[f] += sign * (t->mean[next] - t->mean[node]);
			node = next;
		}
	}
}
