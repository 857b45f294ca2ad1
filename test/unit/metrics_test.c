/* Metrics against naive sums over all pairs and thresholds, and against known values. */
#include "unit.h"

#include "core/num/rng.h"
#include "core/stat/metrics.h"

#define N 500

static float p[N * 3], y[N];

/* Scores on a coarse scale, so that there are many ties; y depends on them. */
static void
random_answers(uint64_t seed, size_t n, size_t C, float steps)
{
	BmRng rng = bmc_rng(seed, 1);

	for (size_t i = 0; i < n; i++)
	{
		float sum = 0.0f;

		for (size_t c = 0; c < C; c++)
			sum += p[i * C + c] = floorf(bmc_rng_float(&rng) * steps) + 1.0f;
		for (size_t c = 0; c < C; c++)
			p[i * C + c] /= sum;
		y[i] = (float) bmc_rng_below(&rng, (uint32_t) C);
		if (bmc_rng_below(&rng, 3) == 0)
			y[i] = (float) bmc_answer_class(p + i * C, C, 0.5);
	}
}

static double
naive_auc(size_t n, size_t C, size_t c)
{
	double won = 0.0, pairs = 0.0;

	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < n; j++)
			if (y[i] == (float) c && y[j] != (float) c)
			{
				float a = p[i * C + c], b = p[j * C + c];

				pairs += 1.0;
				won += a > b ? 1.0 : a == b ? 0.5 : 0.0;
			}
	return won / pairs;
}

/* Sum over the distinct thresholds of the gain in recall times the precision. */
static double
naive_ap(size_t n, size_t C, size_t c)
{
	double sum = 0.0, positives = 0.0;

	for (size_t i = 0; i < n; i++)
		positives += y[i] == (float) c;
	for (size_t i = 0; i < n; i++)
	{
		double tp = 0.0, all = 0.0;

		if (y[i] != (float) c)
			continue;
		for (size_t j = 0; j < n; j++)
			if (p[j * C + c] >= p[i * C + c])
			{
				all += 1.0;
				tp += y[j] == (float) c;
			}
		sum += tp / all / positives;
	}
	return sum;
}

static void
test_ranking(BmMem *mem)
{
	double auc, ap;

	CASE("AUC and average precision equal sums over all pairs, ties and all");
	for (uint64_t seed = 1; seed <= 5; seed++)
	{
		random_answers(seed, 200, 3, seed == 1 ? 1e6f : 6.0f);
		for (size_t c = 0; c < 3; c++)
		{
			CHECK(bmc_rank_quality(&auc, &ap, p + c, 3, y, (float) c, 200, mem) == BM_OK);
			CHECK_NEAR(auc, naive_auc(200, 3, c), 1e-12);
			CHECK_NEAR(ap, naive_ap(200, 3, c), 1e-12);
		}
	}
	CASE("AUC of a known example, and of one side");
	{
		/* scikit-learn's example: y 0 0 1 1, scores .1 .4 .35 .8: AUC .75, average precision .8333 */
		float s[] = {0.1f, 0.4f, 0.35f, 0.8f}, t[] = {0, 0, 1, 1}, one[] = {1, 1, 1, 1};

		CHECK(bmc_rank_quality(&auc, &ap, s, 1, t, 1.0f, 4, mem) == BM_OK);
		CHECK_NEAR(auc, 0.75, 1e-12);
		CHECK_NEAR(ap, 0.8333333333, 1e-9);
		CHECK(bmc_rank_quality(&auc, &ap, s, 1, one, 1.0f, 4, mem) == BM_OK);
		CHECK(isnan(auc) && isnan(ap));
	}
}

static void
test_classes(BmMem *mem)
{
	BmClassMetrics each[3];
	BmAccuracy a;
	BmAnswers answers = {300, 3, p, y, 0.5};
	double hits = 0, f1 = 0, weighted = 0, loss = 0, brier = 0;

	CASE("accuracy, F1 (macro, weighted), log-loss and Brier score equal naive counts");
	random_answers(7, 300, 3, 9.0f);
	CHECK(bmc_accuracy(&a, each, &answers, mem) == BM_OK);
	for (size_t c = 0; c < 3; c++)
	{
		double tp = 0, fp = 0, fn = 0, n = 0;

		for (size_t i = 0; i < 300; i++)
		{
			size_t said = bmc_answer_class(p + i * 3, 3, 0.5);

			n += y[i] == (float) c;
			tp += said == c && y[i] == (float) c;
			fp += said == c && y[i] != (float) c;
			fn += said != c && y[i] == (float) c;
		}
		CHECK_NEAR(each[c].precision, tp / (tp + fp), 1e-12);
		CHECK_NEAR(each[c].recall, tp / (tp + fn), 1e-12);
		CHECK_NEAR(each[c].f1, 2 * tp / (2 * tp + fp + fn), 1e-12);
		hits += tp;
		f1 += each[c].f1 / 3;
		weighted += each[c].f1 * n / 300;
	}
	for (size_t i = 0; i < 300; i++)
	{
		loss -= log((double) p[i * 3 + (size_t) y[i]]) / 300;
		for (size_t c = 0; c < 3; c++)
			brier += pow((double) p[i * 3 + c] - (y[i] == (float) c), 2) / 300;
	}
	CHECK_NEAR(a.accuracy, hits / 300, 1e-12);
	CHECK_NEAR(a.macro.f1, f1, 1e-12);
	CHECK_NEAR(a.weighted.f1, weighted, 1e-12);
	CHECK_NEAR(a.log_loss, loss, 1e-9);
	CHECK_NEAR(a.brier, brier, 1e-9);

	CASE("a certain error has a large, finite log-loss");
	{
		float sure[] = {1, 0}, one[] = {1};
		BmAnswers wrong = {1, 2, sure, one, 0.5};

		CHECK(bmc_accuracy(&a, NULL, &wrong, mem) == BM_OK);
		CHECK_NEAR(a.log_loss, -log(1e-15), 1e-9);
		CHECK_NEAR(a.brier, 1.0, 1e-12);
		CHECK(isnan(a.positive.auc));
	}
}

static void
test_values(void)
{
	/* scikit-learn's example for r2_score: .9486; mean absolute error .5, squared .375 */
	float truth[] = {3, -0.5f, 2, 7}, said[] = {2.5f, 0, 2, 8}, flat[] = {1, 1, 1, 1};
	BmAnswers a = {4, 0, said, truth, 0};
	BmErrors e = bmc_errors(&a);

	CASE("squared error, absolute error and R2 of a known example");
	CHECK_NEAR(e.mse, 0.375, 1e-12);
	CHECK_NEAR(e.mae, 0.5, 1e-12);
	CHECK_NEAR(e.r2, 0.9486081370, 1e-9);
	a.y = flat;
	CHECK(isnan(bmc_errors(&a).r2));
}

static void
test_bins(BmMem *mem)
{
	BmBin bin[7];
	double n = 0, positives = 0, score = 0, truth = 0, sum = 0;

	CASE("bins hold equally many rows, each once, and do not depend on the order of ties");
	random_answers(3, 250, 2, 4.0f);
	CHECK(bmc_score_bins(bin, 7, p + 1, 2, y, 1.0f, 250, mem) == BM_OK);
	for (size_t b = 0; b < 7; b++)
	{
		CHECK_NEAR(bin[b].n, 250.0 / 7, 1e-6);
		CHECK(b == 0 || bin[b].high <= bin[b - 1].low);
		n += bin[b].n;
		positives += bin[b].positives;
		score += bin[b].score;
	}
	for (size_t i = 0; i < 250; i++)
	{
		truth += y[i];
		sum += (double) p[2 * i + 1];
	}
	CHECK_NEAR(n, 250, 1e-6);
	CHECK_NEAR(positives, truth, 1e-6);
	CHECK_NEAR(score, sum, 1e-6);
	{
		BmBin again[7];

		for (size_t i = 0; i < 125; i++) /* the rows the other way round */
		{
			float a0 = p[2 * i], a1 = p[2 * i + 1], t = y[i];

			p[2 * i] = p[2 * (249 - i)];
			p[2 * i + 1] = p[2 * (249 - i) + 1];
			y[i] = y[249 - i];
			p[2 * (249 - i)] = a0;
			p[2 * (249 - i) + 1] = a1;
			y[249 - i] = t;
		}
		CHECK(bmc_score_bins(again, 7, p + 1, 2, y, 1.0f, 250, mem) == BM_OK);
		for (size_t b = 0; b < 7; b++)
			CHECK_NEAR(again[b].positives, bin[b].positives, 1e-9);
	}
	CASE("more bins than rows: each row is spread, nothing is lost");
	CHECK(bmc_score_bins(bin, 7, p + 1, 2, y, 1.0f, 3, mem) == BM_OK);
	n = 0;
	for (size_t b = 0; b < 7; b++)
		n += bin[b].n;
	CHECK_NEAR(n, 3, 1e-6);
}

static double
rule_at(BmThresholdRule rule, size_t n, double threshold)
{
	double tp = 0, fp = 0, fn = 0, tn = 0;

	for (size_t i = 0; i < n; i++)
	{
		bool said = p[2 * i + 1] >= threshold;

		tp += said && y[i] == 1;
		fp += said && y[i] == 0;
		fn += !said && y[i] == 1;
		tn += !said && y[i] == 0;
	}
	return rule == BM_THRESHOLD_F1       ? 2 * tp / (2 * tp + fp + fn)
		   : rule == BM_THRESHOLD_YOUDEN ? tp / (tp + fn) + tn / (tn + fp) - 1
										 : tp + tn;
}

static void
test_threshold(BmMem *mem)
{
	CASE("no threshold is better than the chosen one, by each rule");
	for (uint64_t seed = 1; seed <= 4; seed++)
		for (int rule = BM_THRESHOLD_F1; rule <= BM_THRESHOLD_ACCURACY; rule++)
		{
			double threshold, best;

			random_answers(seed, 150, 2, seed % 2 ? 5.0f : 1e5f);
			CHECK(bmc_threshold(&threshold, (BmThresholdRule) rule, p + 1, 2, y, 150, mem) ==
				  BM_OK);
			best = rule_at((BmThresholdRule) rule, 150, threshold);
			for (size_t i = 0; i < 150; i++)
				CHECK(rule_at((BmThresholdRule) rule, 150, (double) p[2 * i + 1]) <= best + 1e-12);
		}
}

static void
test_isotonic(BmMem *mem)
{
	float s[] = {0.1f, 0.2f, 0.3f, 0.4f, 0.5f, 0.6f}, t[] = {0, 1, 0, 0, 1, 1}, knot[18];
	size_t steps;

	CASE("pooling adjacent violators: a known example, then monotone and of the same mean");
	CHECK(bmc_isotonic(knot, &steps, s, 1, t, 6, mem) == BM_OK);
	CHECK_INT(steps, 3);
	CHECK_NEAR(bmc_isotonic_at(knot, steps, 0.1f), 0, 1e-6);
	CHECK_NEAR(bmc_isotonic_at(knot, steps, 0.3f), 1.0 / 3, 1e-6);
	CHECK_NEAR(bmc_isotonic_at(knot, steps, 0.45f), 2.0 / 3, 1e-5);
	CHECK_NEAR(bmc_isotonic_at(knot, steps, 0.99f), 1, 1e-6);
	CHECK_NEAR(bmc_isotonic_at(knot, steps, 0.0f), 0, 1e-6);
	{
		float many[3 * N], last = -1.0f;
		double mean = 0, truth = 0;

		random_answers(11, N, 2, 40.0f);
		CHECK(bmc_isotonic(many, &steps, p + 1, 2, y, N, mem) == BM_OK);
		for (size_t k = 0; k < steps; k++)
		{
			CHECK(many[3 * k + 2] > last);
			last = many[3 * k + 2];
		}
		for (size_t i = 0; i < N; i++)
		{
			mean += (double) bmc_isotonic_at(many, steps, p[2 * i + 1]) / N;
			truth += (double) y[i] / N;
		}
		CHECK_NEAR(mean, truth, 1e-5);
	}
}

static void
test_platt(void)
{
	BmRng rng = bmc_rng(5, 9);
	static float s[20000], t[20000];
	double a, b;

	CASE("Platt scaling finds the distortion that was planted");
	for (size_t i = 0; i < 20000; i++)
	{
		double z = bmc_rng_normal(&rng) * 1.5;

		s[i] = (float) (1 / (1 + exp(-z)));
		t[i] = bmc_rng_double(&rng) < 1 / (1 + exp(-(0.5 * z - 1))) ? 1.0f : 0.0f;
	}
	bmc_platt(&a, &b, s, 1, t, 20000);
	CHECK_NEAR(a, 0.5, 0.05);
	CHECK_NEAR(b, -1, 0.06);
	CHECK_NEAR(bmc_platt_at(1, 0, 0.3f), 0.3, 1e-6);
}

int
main(void)
{
	UnitHeap heap;
	BmMem *mem = unit_heap(&heap);

	test_ranking(mem);
	test_classes(mem);
	test_values();
	test_bins(mem);
	test_threshold(mem);
	test_isotonic(mem);
	test_platt();
	CASE("memory is given back, and its lack is said");
	CHECK_INT(heap.live, 0);
	for (long at = 1; at <= 4; at++)
	{
		BmAccuracy a;
		BmAnswers answers = {50, 2, p, y, 0.5};

		heap.calls = 0;
		heap.fail_at = at;
		CHECK(bmc_accuracy(&a, NULL, &answers, mem) == BM_ENOMEM);
		CHECK_INT(heap.live, 0);
	}
	return unit_done();
}
