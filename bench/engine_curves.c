/*
 * engine_curves.c
 *		The cases of test/unit/nn_cases.h, written out for PyTorch: data, initial weights, and the losses
 *		of 100 steps. Lines of "case NAME", "array NAME n", followed by n numbers.
 */
#include <stdio.h>

#include "nn_cases.h"
#include "unit.h"

static void
print(const char *name, const float *x, size_t n)
{
	printf("array %s %zu\n", name, n);
	for (size_t i = 0; i < n; i++)
		printf("%.9g%c", (double) x[i], i + 1 == n ? '\n' : ' ');
}

static void
print_data(const NnCase *c)
{
	float *length = malloc(CASE_SAMPLES * sizeof(float));
	float *code = malloc((c->s.nrows * c->s.ncodes + 1) * sizeof(float));

	for (size_t i = 0; i < CASE_SAMPLES; i++)
		length[i] = c->s.steps > 1 ? (float) c->length[i] : 1.0f;
	for (size_t i = 0; i < c->s.nrows * c->s.ncodes; i++)
		code[i] = (float) c->code[i];
	print("x", c->x, c->s.nrows * c->s.width);
	print("y", c->y, CASE_SAMPLES);
	print("length", length, CASE_SAMPLES);
	if (c->s.ncodes)
		print("code", code, c->s.nrows * c->s.ncodes);
	free(length), free(code);
}

static void
run(size_t i)
{
	UnitHeap heap;
	NnCase c;
	BmFit fit;
	BmTensors *t = calloc(1, sizeof(*t));
	float loss[CASE_STEPS];

	nn_case(&c, i);
	fit = nn_fit(&c, unit_heap(&heap), NULL);
	printf("case %s\n", c.name);
	if (bmc_network.fit_begin(&fit) != BM_OK || bmc_network.fit_tensors(&fit, NULL, t) != BM_OK)
	{
		fprintf(stderr, "%s: %s\n", c.name, fit.error);
		exit(1);
	}
	print_data(&c);
	for (int k = 0; k < t->n; k++)
		if (t->t[k].dtype == BM_F32)
			print(t->t[k].name, t->t[k].data, bmc_tensor_count(&t->t[k]));
	for (size_t s = 0; s < CASE_STEPS; s++)
	{
		uint32_t index[CASE_BATCH];
		double l;

		nn_batch(index, s);
		bmc_network_fit_batch(&fit, index, CASE_BATCH, &l);
		loss[s] = (float) l;
	}
	print("loss", loss, CASE_STEPS);
	bmc_network.fit_end(&fit);
	nn_free(&c);
	free(t);
}

int
main(void)
{
	bmc_blas_open(1);
	for (size_t i = 0; i < NN_CASES; i++)
		run(i);
	return 0;
}
