/*
 * metrics.c
 *		Accuracy, rankings, probabilities and errors of a predictor; see metrics.h.
 *
 * Everything that needs an order sorts once by the bits of the score; groups of equal scores are then
 * taken as one step.
 */
#include "core/stat/metrics.h"

#include <math.h>
#include <string.h>

#include "core/num/sort.h"

#define LEAST_PROBABILITY 1e-15 /* of the log-loss: a certain error is dear, not infinite */

/* ---- order by score ---- */

/* Rows by score, the highest first. */
typedef struct Order
{
	uint64_t *key;
	uint32_t *row;
	size_t n;
	const float *score, *y;
	size_t stride;
	float positive;
} Order;

static void
free_order(Order *o, BmMem *mem)
{
	bmc_free(mem, o->row);
	bmc_free(mem, o->key);
}

static BmStatus
make_order(Order *o, const float *score, size_t stride, const float *y, float positive, size_t n,
		   BmMem *mem)
{
	BmStatus status = BM_ENOMEM;

	*o = (Order){.n = n, .score = score, .y = y, .stride = stride, .positive = positive};
	o->key = bmc_alloc(mem, n, sizeof(uint64_t));
	o->row = bmc_alloc(mem, n, sizeof(uint32_t));
	if (o->key && o->row)
	{
		for (size_t i = 0; i < n; i++)
		{
			o->key[i] = 0xffffffffu - bmc_float_key(score[i * stride]);
			o->row[i] = (uint32_t) i;
		}
		status = bmc_sort_u64(o->key, o->row, n, mem);
	}
	if (status != BM_OK)
		free_order(o, mem);
	return status;
}

static float
score_at(const Order *o, size_t place)
{
	return o->score[o->row[place] * o->stride];
}

/* The rows from place on that share its score: their number; how many are positive. */
static size_t
tie(const Order *o, size_t place, size_t *positives)
{
	size_t end = place;

	*positives = 0;
	for (; end < o->n && o->key[end] == o->key[place]; end++)
		*positives += o->y[o->row[end]] == o->positive;
	return end - place;
}

/* ---- rankings ---- */

BmStatus
bmc_rank_quality(double *auc, double *pr_auc, const float *score, size_t stride, const float *y,
				 float positive, size_t n, BmMem *mem)
{
	double pairs = 0.0, precision = 0.0, above = 0.0, negatives_above = 0.0;
	size_t rows, hits;
	Order o;
	BmStatus status = make_order(&o, score, stride, y, positive, n, mem);

	if (status != BM_OK)
		return status;
	for (size_t i = 0; i < n; i += rows)
	{
		double misses;

		rows = tie(&o, i, &hits);
		misses = (double) (rows - hits);
		pairs += misses * (above + 0.5 * (double) hits);
		above += (double) hits;
		negatives_above += misses;
		precision += (double) hits * above / (above + negatives_above);
	}
	free_order(&o, mem);
	*auc = above > 0.0 && negatives_above > 0.0 ? pairs / (above * negatives_above) : NAN;
	*pr_auc = above > 0.0 && negatives_above > 0.0 ? precision / above : NAN;
	return BM_OK;
}

/* ---- classes ---- */

size_t
bmc_answer_class(const float *p, size_t classes, double threshold)
{
	size_t best = 0;

	if (classes == 2)
		return p[1] >= threshold;
	for (size_t c = 1; c < classes; c++)
		if (p[c] > p[best])
			best = c;
	return best;
}

void
bmc_confusion(uint64_t *count, const BmAnswers *a)
{
	memset(count, 0, a->classes * a->classes * sizeof(uint64_t));
	for (size_t i = 0; i < a->n; i++)
		count[(size_t) a->y[i] * a->classes +
			  bmc_answer_class(a->p + i * a->classes, a->classes, a->threshold)]++;
}

static double
ratio(double a, double b)
{
	return b > 0.0 ? a / b : 0.0;
}

/* Precision, recall and F1 of class c from the confusion matrix. */
static void
class_counts(BmClassMetrics *m, const uint64_t *count, size_t c, size_t classes)
{
	double hit = (double) count[c * classes + c], answered = 0.0;

	m->n = 0.0;
	for (size_t k = 0; k < classes; k++)
	{
		m->n += (double) count[c * classes + k];
		answered += (double) count[k * classes + c];
	}
	m->precision = ratio(hit, answered);
	m->recall = ratio(hit, m->n);
	m->f1 = ratio(2.0 * hit, answered + m->n);
}

static void
probabilities(BmAccuracy *out, const BmAnswers *a)
{
	double loss = 0.0, brier = 0.0;
	size_t C = a->classes;

	for (size_t i = 0; i < a->n; i++)
	{
		const float *p = a->p + i * C;
		size_t y = (size_t) a->y[i];
		double squares = 0.0;

		loss -= log(fmax((double) p[y], LEAST_PROBABILITY));
		for (size_t c = 0; c < C; c++)
			squares += (p[c] - (double) (c == y)) * (p[c] - (double) (c == y));
		brier += C == 2 ? 0.5 * squares : squares;
	}
	out->log_loss = loss / (double) a->n;
	out->brier = brier / (double) a->n;
}

/* Add m to the macro and weighted means; classes that are not there count in neither. */
static void
add_class(BmAccuracy *out, const BmClassMetrics *m, double *present, double *ranked)
{
	double w = m->n / out->n;

	if (m->n == 0.0)
		return;
	*present += 1.0;
	out->macro.precision += m->precision;
	out->macro.recall += m->recall;
	out->macro.f1 += m->f1;
	out->weighted.precision += w * m->precision;
	out->weighted.recall += w * m->recall;
	out->weighted.f1 += w * m->f1;
	if (isnan(m->auc))
		return;
	*ranked += 1.0;
	out->macro.auc += m->auc;
	out->macro.pr_auc += m->pr_auc;
	out->weighted.auc += w * m->auc;
	out->weighted.pr_auc += w * m->pr_auc;
}

static void
end_means(BmAccuracy *out, double present, double ranked)
{
	out->macro.precision = ratio(out->macro.precision, present);
	out->macro.recall = ratio(out->macro.recall, present);
	out->macro.f1 = ratio(out->macro.f1, present);
	out->macro.auc = ranked > 0.0 ? out->macro.auc / ranked : NAN;
	out->macro.pr_auc = ranked > 0.0 ? out->macro.pr_auc / ranked : NAN;
	if (ranked == 0.0)
		out->weighted.auc = out->weighted.pr_auc = NAN;
}

BmStatus
bmc_accuracy(BmAccuracy *out, BmClassMetrics *each, const BmAnswers *a, BmMem *mem)
{
	size_t C = a->classes;
	uint64_t *count = bmc_alloc(mem, bmc_mul(C, C), sizeof(uint64_t));
	double hits = 0.0, present = 0.0, ranked = 0.0;

	if (count == NULL)
		return BM_ENOMEM;
	memset(out, 0, sizeof(*out));
	out->n = (double) a->n;
	bmc_confusion(count, a);
	for (size_t c = 0; c < C; c++)
	{
		BmClassMetrics m;
		BmStatus status;

		class_counts(&m, count, c, C);
		status = bmc_rank_quality(&m.auc, &m.pr_auc, a->p + c, C, a->y, (float) c, a->n, mem);
		if (status != BM_OK)
		{
			bmc_free(mem, count);
			return status;
		}
		hits += (double) count[c * C + c];
		add_class(out, &m, &present, &ranked);
		if (c == 1)
			out->positive = m;
		if (each)
			each[c] = m;
	}
	bmc_free(mem, count);
	out->accuracy = ratio(hits, out->n);
	end_means(out, present, ranked);
	probabilities(out, a);
	return BM_OK;
}

/* ---- values ---- */

BmErrors
bmc_errors(const BmAnswers *a)
{
	BmErrors e = {.n = (double) a->n};
	double mean = 0.0, spread = 0.0;

	for (size_t i = 0; i < a->n; i++)
		mean += (double) a->y[i];
	mean = ratio(mean, e.n);
	for (size_t i = 0; i < a->n; i++)
	{
		double d = (double) a->p[i] - (double) a->y[i], m = (double) a->y[i] - mean;

		e.mse += d * d;
		e.mae += fabs(d);
		spread += m * m;
	}
	e.r2 = spread > 0.0 ? 1.0 - e.mse / spread : NAN;
	e.mse = ratio(e.mse, e.n);
	e.mae = ratio(e.mae, e.n);
	return e;
}

/* ---- bins ---- */

BmStatus
bmc_score_bins(BmBin *bin, size_t nbins, const float *score, size_t stride, const float *y,
			   float positive, size_t n, BmMem *mem)
{
	double size = (double) n / (double) nbins, room = size;
	size_t b = 0, rows, hits;
	Order o;
	BmStatus status = make_order(&o, score, stride, y, positive, n, mem);

	if (status != BM_OK)
		return status;
	for (size_t i = 0; i < nbins; i++)
		bin[i] = (BmBin){.low = NAN, .high = NAN};
	for (size_t i = 0; i < n; i += rows)
	{
		double s = score_at(&o, i), left, rate;

		rows = tie(&o, i, &hits);
		left = (double) rows;
		rate = (double) hits / left;
		while (left > 1e-9)
		{
			double take = b + 1 < nbins && left > room ? room : left;

			bin[b].n += take;
			bin[b].positives += take * rate;
			bin[b].score += take * s;
			if (isnan(bin[b].high))
				bin[b].high = s;
			bin[b].low = s;
			left -= take;
			room -= take;
			if (room <= 1e-9 && b + 1 < nbins)
			{
				b++;
				room = size;
			}
		}
	}
	free_order(&o, mem);
	return BM_OK;
}

/* ---- threshold ---- */

/* What the rule maximises, with tp and fp among P positives and N negatives answered as class 1. */
static double
rule_value(BmThresholdRule rule, double tp, double fp, double P, double N)
{
	if (rule == BM_THRESHOLD_F1)
		return ratio(2.0 * tp, tp + fp + P);
	if (rule == BM_THRESHOLD_YOUDEN)
		return ratio(tp, P) - ratio(fp, N);
	return tp + (N - fp);
}

BmStatus
bmc_threshold(double *threshold, BmThresholdRule rule, const float *score, size_t stride,
			  const float *y, size_t n, BmMem *mem)
{
	double best = -INFINITY, tp = 0.0, fp = 0.0, P = 0.0;
	size_t rows, hits;
	Order o;
	BmStatus status;

	*threshold = 0.5;
	if (rule == BM_THRESHOLD_HALF || n == 0)
		return BM_OK;
	status = make_order(&o, score, stride, y, 1.0f, n, mem);
	if (status != BM_OK)
		return status;
	for (size_t i = 0; i < n; i++)
		P += y[i] == 1.0f;
	for (size_t i = 0; i < n; i += rows)
	{
		double value, at, s = score_at(&o, i);

		rows = tie(&o, i, &hits);
		tp += (double) hits;
		fp += (double) (rows - hits);
		value = rule_value(rule, tp, fp, P, (double) n - P);
		at = i + rows < n ? 0.5 * (s + (double) score_at(&o, i + rows)) : s;
		if (value > best || (value == best && fabs(at - 0.5) < fabs(*threshold - 0.5)))
		{
			best = value;
			*threshold = at;
		}
	}
	free_order(&o, mem);
	return BM_OK;
}
