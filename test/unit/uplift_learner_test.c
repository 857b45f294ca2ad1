/*
 * Learners of an effect: what they find of a planted one, against means by hand, through tensors and back,
 * explained, out of memory.
 */
#include "unit.h"
#include "core/num/rng.h"
#include "core/stat/uplift_learner.h"

#define N 20000
#define D 3

static float x[N * D];
static double outcome[N];
static bool treated[N];
static float truth[N];

static const BmUpliftSettings settings = {
	.l2 = 1.0,
	.forest = {.trees = 40, .depth = 5, .min_arm = 50, .bins = 32, .sample = 0.5, .honest = true}};

/* Outcomes 0 or 1 by a base rate that goes with x0, and an effect that goes with x1; x2 is noise. */
static BmUpliftData
campaign(double share, bool binary)
{
	BmRng rng = bmc_rng(7, binary);

	for (size_t i = 0; i < N; i++)
	{
		double p, u;

		for (size_t j = 0; j < D; j++)
			x[i * D + j] = (float) bmc_rng_normal(&rng);
		treated[i] = bmc_rng_double(&rng) < share;
		truth[i] = x[i * D + 1] > 0 ? 0.3f : 0.0f;
		p = 0.3 + 0.1 * (x[i * D] > 0) + treated[i] * (double) truth[i];
		u = bmc_rng_double(&rng);
		outcome[i] = binary ? u < p : 10.0 * p + u;
	}
	return (BmUpliftData){.n = N, .width = D, .x = x, .outcome = outcome, .treated = treated};
}

static double
correlation(const float *a, const float *b)
{
	double sa = 0, sb = 0, aa = 0, bb = 0, ab = 0;

	for (size_t i = 0; i < N; i++)
	{
		sa += a[i];
		sb += b[i];
		aa += (double) a[i] * a[i];
		bb += (double) b[i] * b[i];
		ab += (double) a[i] * b[i];
	}
	return (ab - sa * sb / N) / sqrt((aa - sa * sa / N) * (bb - sb * sb / N));
}

static double
mean(const float *a)
{
	double sum = 0;

	for (size_t i = 0; i < N; i++)
		sum += a[i];
	return sum / N;
}

static void
test_planted(bool binary, double share)
{
	BmUpliftData d = campaign(share, binary);
	double scale = binary ? 1.0 : 10.0;
	UnitHeap heap;
	BmMem *mem = unit_heap(&heap);
	float *effect = malloc(N * sizeof(float)), *again = malloc(N * sizeof(float));

	for (int m = 0; m < BM_UPLIFT_METHODS; m++)
	{
		BmUpliftLearner l, back;
		BmTensors t = {0};

		CHECK_INT(bmc_uplift_learner_fit(&l, (BmUpliftMethod) m, &d, binary, &settings, 1, NULL,
										 mem, NULL),
				  BM_OK);
		bmc_uplift_learner_predict(effect, &l, x, N);
		if (correlation(effect, truth) < 0.6)
			UNIT_FAIL("learner %d: correlation %g", m, correlation(effect, truth));
		CHECK_NEAR(mean(effect), 0.15 * scale, 0.03 * scale);
		CHECK(bmc_uplift_learner_tensors(&l, &t));
		CHECK(bmc_uplift_learner_bind(&back, (BmUpliftMethod) m, D, binary, &t, mem) == NULL);
		bmc_uplift_learner_predict(again, &back, x, N);
		CHECK(memcmp(effect, again, N * sizeof(float)) == 0);
		bmc_uplift_learner_free(&back);
		CHECK(bmc_uplift_learner_bind(&back, (BmUpliftMethod) m, m == BM_UPLIFT_FOREST ? 1 : D + 1,
									  binary, &t, mem) != NULL);
		bmc_uplift_learner_free(&back);
		bmc_uplift_learner_free(&l);
	}
	free(effect);
	free(again);
	CHECK_INT(heap.live, 0);
}

/* Shares and the rest sum to the effect, on the scale of the learner. */
static void
test_explain(void)
{
	static const double one_e = 1e-3;
	BmUpliftData d = campaign(0.5, false);
	UnitHeap heap;
	BmMem *mem = unit_heap(&heap);
	double share[D];

	CASE("shares sum to the effect, and the planted column has most of it");
	for (int m = 0; m < BM_UPLIFT_METHODS; m++)
	{
		BmUpliftLearner l;
		double strong = 0, weak = 0;

		CHECK_INT(bmc_uplift_learner_fit(&l, (BmUpliftMethod) m, &d, false, &settings, 1, NULL, mem,
										 NULL),
				  BM_OK);
		for (size_t i = 0; i < 200; i++)
		{
			double sum = bmc_uplift_learner_explain(share, &l, x + i * D);
			float effect;

			for (size_t j = 0; j < D; j++)
				sum += share[j];
			bmc_uplift_learner_predict(&effect, &l, x + i * D, 1);
			CHECK_NEAR(sum, effect, one_e);
			strong += fabs(share[1]);
			weak += fabs(share[2]);
		}
		CHECK(strong > 3 * weak);
		bmc_uplift_learner_free(&l);
	}
	CHECK_INT(heap.live, 0);
}

static void
test_bad(void)
{
	BmUpliftData d = campaign(0.5, true);
	UnitHeap heap;
	BmMem *mem = unit_heap(&heap);

	CASE("one arm is refused");
	for (int m = 0; m < BM_UPLIFT_METHODS; m++)
		for (int arm = 0; arm < 2; arm++)
		{
			BmUpliftLearner l;

			for (size_t i = 0; i < N; i++)
				treated[i] = arm;
			CHECK_INT(bmc_uplift_learner_fit(&l, (BmUpliftMethod) m, &d, true, &settings, 1, NULL,
											 mem, NULL),
					  BM_EINVAL);
			bmc_uplift_learner_free(&l);
		}
	CASE("memory that runs out at any request leaves nothing behind");
	d = campaign(0.5, true);
	d.n = 400;
	for (int m = 0; m < BM_UPLIFT_METHODS; m++)
		for (long k = 1; k < 200; k++)
		{
			BmUpliftLearner l;
			BmStatus status;
			UnitHeap failing;
			BmMem *scarce = unit_heap(&failing);

			failing.fail_at = k;
			status = bmc_uplift_learner_fit(&l, (BmUpliftMethod) m, &d, true, &settings, 1, NULL,
											scarce, NULL);
			bmc_uplift_learner_free(&l);
			CHECK_INT(failing.live, 0);
			if (status == BM_OK)
				break;
			CHECK_INT(status, BM_ENOMEM);
		}
	CHECK_INT(heap.live, 0);
}

int
main(void)
{
	CASE("a planted effect is found, arms alike");
	test_planted(true, 0.5);
	CASE("a planted effect is found, few treated");
	test_planted(true, 0.25);
	CASE("a planted effect on amounts is found");
	test_planted(false, 0.4);
	test_explain();
	test_bad();
	return unit_done();
}
