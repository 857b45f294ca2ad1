/*
 * uplift_forest.c
 *		Growing uplift trees on binned columns, and walking them.
 */
#include <math.h>
#include <string.h>

#include "core/num/rng.h"
#include "core/stat/bins.h"
#include "core/stat/uplift_forest.h"

/* People a leaf's means are pulled towards their parent's with. */
#define PRIOR 10.0

/* Both arms: how many, and the sum of their outcomes. [0] controls, [1] treated. */
typedef struct Arms
{
	double n[2], y[2];
} Arms;

typedef struct Grow
{
	const BmUpliftData *data;
	BmUpliftForestOptions o;
	uint64_t seed;
	BmBins bins;
	size_t sample;   /* people of a tree */
	size_t capacity; /* nodes of a tree */
	/* of every tree */
	size_t *count;
	int32_t *column, *left;
	float *threshold, *effect;
	/* of every worker */
	uint32_t *people; /* (threads, n) */
} Grow;

/* One tree in the making. */
typedef struct Tree
{
	const Grow *g;
	BmRng rng;
	uint32_t *people; /* chosen ones first, those for the effects after them */
	size_t nodes;
	int32_t *column, *left;
	float *threshold, *effect;
} Tree;

/* A node's people: [from, mid) choose the split, [honest, end) give the effect. */
typedef struct Span
{
	size_t from, to;
	size_t honest, end;
	double mean[2]; /* of the parent, smoothed */
	int depth;
} Span;

typedef struct Split
{
	double gain;
	int column, bin; /* left: codes <= bin */
} Split;

/* ---- criteria ---- */

static double
people_of(const Arms *a)
{
	return a->n[0] + a->n[1];
}

static double
mean_of(const Arms *a, int arm)
{
	return a->n[arm] > 0 ? a->y[arm] / a->n[arm] : 0.0;
}

/* Shares kept away from 0 and 1, as the published criteria do. */
static double
share_of(const Arms *a, int arm)
{
	return (a->y[arm] + 0.5) / (a->n[arm] + 1.0);
}

/* How far the arms are apart. */
static double
distance(const Arms *a, int criterion)
{
	double t, c;

	if (criterion == BM_UPLIFT_BY_EFFECT)
	{
		double effect = mean_of(a, 1) - mean_of(a, 0);

		return effect * effect;
	}
	t = share_of(a, 1);
	c = share_of(a, 0);
	if (criterion == BM_UPLIFT_BY_KL)
		return t * log(t / c) + (1 - t) * log((1 - t) / (1 - c));
	if (criterion == BM_UPLIFT_BY_EUCLID)
		return 2 * (t - c) * (t - c);
	return (t - c) * (t - c) / c + (t - c) * (t - c) / (1 - c);
}

static double
gain_of(const Arms *whole, const Arms *left, const Arms *right, int criterion)
{
	double n = people_of(whole);

	return people_of(left) / n * distance(left, criterion) +
		   people_of(right) / n * distance(right, criterion) - distance(whole, criterion);
}

/* ---- one split ---- */

static void
tally(Arms *bin, const Tree *t, const Span *s, size_t column)
{
	const uint8_t *code = t->g->bins.code + column * t->g->data->n;
	const BmUpliftData *d = t->g->data;

	memset(bin, 0, sizeof(Arms) * BM_UPLIFT_MAX_BINS);
	for (size_t i = s->from; i < s->to; i++)
	{
		uint32_t p = t->people[i];
		Arms *a = &bin[code[p]];

		a->n[d->treated[p]] += 1;
		a->y[d->treated[p]] += d->outcome[p];
	}
}

static Arms
minus(const Arms *a, const Arms *b)
{
	return (Arms){{a->n[0] - b->n[0], a->n[1] - b->n[1]}, {a->y[0] - b->y[0], a->y[1] - b->y[1]}};
}

static void
plus(Arms *a, const Arms *b)
{
	for (int arm = 0; arm < 2; arm++)
	{
		a->n[arm] += b->n[arm];
		a->y[arm] += b->y[arm];
	}
}

static bool
enough(const Arms *a, int min_arm)
{
	return a->n[0] >= min_arm && a->n[1] >= min_arm;
}

static void
best_of_column(Split *best, const Tree *t, const Span *s, size_t column)
{
	Arms bin[BM_UPLIFT_MAX_BINS], whole = {{0}, {0}}, left = {{0}, {0}};
	int last = t->g->bins.cuts[column];

	tally(bin, t, s, column);
	for (int b = 0; b <= last; b++)
		plus(&whole, &bin[b]);
	for (int b = 0; b < last; b++)
	{
		Arms right;
		double gain;

		plus(&left, &bin[b]);
		right = minus(&whole, &left);
		if (!enough(&left, t->g->o.min_arm) || !enough(&right, t->g->o.min_arm))
			continue;
		gain = gain_of(&whole, &left, &right, t->g->o.criterion);
		if (gain > best->gain)
			*best = (Split){gain, (int) column, b};
	}
}

/* The best split among columns drawn without repetition; gain 0 when there is none. */
static Split
find_split(Tree *t, const Span *s)
{
	size_t width = t->g->data->width, want = (size_t) t->g->o.columns, left = width;
	Split best = {1e-12, -1, 0};

	/* Knuth's selection sampling: each subset of the columns is as likely */
	for (size_t c = 0; c < width && want > 0; c++, left--)
		if (bmc_rng_below(&t->rng, (uint32_t) left) < want)
		{
			best_of_column(&best, t, s, c);
			want--;
		}
	return best;
}

/* ---- growing ---- */

/* People with code <= bin to the front of [from, to); where the others begin. */
static size_t
part(const Tree *t, size_t from, size_t to, const Split *split)
{
	const uint8_t *code = t->g->bins.code + (size_t) split->column * t->g->data->n;
	size_t mid = from;

	for (size_t i = from; i < to; i++)
		if (code[t->people[i]] <= split->bin)
		{
			uint32_t p = t->people[i];

			t->people[i] = t->people[mid];
			t->people[mid++] = p;
		}
	return mid;
}

/* The means of a node's own people, pulled towards its parent's. */
static void
settle_node(Tree *t, Span *s, size_t node)
{
	const BmUpliftData *d = t->g->data;
	Arms a = {{0}, {0}};

	for (size_t i = s->honest; i < s->end; i++)
	{
		uint32_t p = t->people[i];

		a.n[d->treated[p]] += 1;
		a.y[d->treated[p]] += d->outcome[p];
	}
	for (int arm = 0; arm < 2; arm++)
		if (s->depth == 0)
			s->mean[arm] = mean_of(&a, arm);
		else
			s->mean[arm] = (a.y[arm] + PRIOR * s->mean[arm]) / (a.n[arm] + PRIOR);
	t->effect[node] = (float) (s->mean[1] - s->mean[0]);
	t->left[node] = 0;
	t->column[node] = 0;
	t->threshold[node] = 0;
}

/* Depth first, by a stack: right children wait while the left ones grow. */
static void
grow(Tree *t, Span root)
{
	struct
	{
		Span span;
		size_t node;
	} stack[BM_UPLIFT_MAX_DEPTH + 2];
	int top = 0;

	t->nodes = 1;
	stack[top].span = root;
	stack[top++].node = 0;
	while (top > 0)
	{
		Span s = stack[--top].span, right;
		size_t node = stack[top].node;
		Split split;

		settle_node(t, &s, node);
		if (s.depth == t->g->o.depth || t->nodes + 2 > t->g->capacity)
			continue;
		split = find_split(t, &s);
		if (split.column < 0)
			continue;
		t->column[node] = split.column;
		t->threshold[node] = bmc_bins_cut(&t->g->bins, (size_t) split.column, split.bin);
		t->left[node] = (int32_t) t->nodes;
		right = s;
		right.depth++;
		right.from = part(t, s.from, s.to, &split);
		right.honest = t->g->o.honest ? part(t, s.honest, s.end, &split) : right.from;
		s.depth++;
		s.to = right.from;
		s.end = right.honest;
		stack[top].span = right;
		stack[top++].node = t->nodes + 1;
		stack[top].span = s;
		stack[top++].node = t->nodes;
		t->nodes += 2;
	}
}

static void
grow_task(void *arg, size_t task, int worker)
{
	Grow *g = arg;
	size_t n = g->data->n, half = g->o.honest ? g->sample / 2 : g->sample;
	Tree t = {.g = g,
			  .rng = bmc_rng(g->seed, task),
			  .people = g->people + (size_t) worker * n,
			  .column = g->column + task * g->capacity,
			  .left = g->left + task * g->capacity,
			  .threshold = g->threshold + task * g->capacity,
			  .effect = g->effect + task * g->capacity};
	Span all = {.from = 0, .to = half, .honest = g->o.honest ? half : 0, .end = g->sample};

	for (size_t i = 0; i < n; i++)
		t.people[i] = (uint32_t) i;
	for (size_t i = 0; i < g->sample; i++)
	{
		size_t j = i + bmc_rng_below(&t.rng, (uint32_t) (n - i));
		uint32_t p = t.people[i];

		t.people[i] = t.people[j];
		t.people[j] = p;
	}
	grow(&t, all);
	g->count[task] = t.nodes;
}

/* ---- the fit ---- */

static bool
outcome_fits(const BmUpliftData *d, int criterion)
{
	for (size_t i = 0; criterion != BM_UPLIFT_BY_EFFECT && i < d->n; i++)
		if (d->outcome[i] != 0.0 && d->outcome[i] != 1.0)
			return false;
	return true;
}

static bool
both_arms(const BmUpliftData *d, int min_arm)
{
	size_t treated = 0;

	for (size_t i = 0; i < d->n; i++)
		treated += d->treated[i];
	return treated >= (size_t) min_arm && d->n - treated >= (size_t) min_arm;
}

/* Most nodes of a tree: by its depth, and by the people that its leaves must have. */
static size_t
capacity_of(size_t people, const BmUpliftForestOptions *o)
{
	size_t deep = ((size_t) 2 << o->depth) - 1;
	size_t wide = 2 * (people / (2 * (size_t) o->min_arm) + 1) + 1;

	return deep < wide ? deep : wide;
}

size_t
bmc_uplift_forest_bytes(size_t n, size_t width, const BmUpliftForestOptions *o, int threads)
{
	size_t nodes = bmc_mul((size_t) o->trees, capacity_of(n, o));
	size_t bytes = bmc_add(bmc_bins_bytes(n, width, o->bins),
						   bmc_mul(bmc_mul((size_t) threads, n), sizeof(uint32_t)));

	/* the trees, and their copy without gaps */
	return bmc_add(bytes, bmc_mul(nodes, 2 * 16) + (size_t) o->trees * 16 + 8192);
}

static BmStatus
take(Grow *g, int threads, BmMem *mem)
{
	size_t trees = (size_t) g->o.trees, nodes = bmc_mul(trees, g->capacity);

	g->count = bmc_alloc(mem, trees, sizeof(size_t));
	g->column = bmc_alloc(mem, nodes, sizeof(int32_t));
	g->left = bmc_alloc(mem, nodes, sizeof(int32_t));
	g->threshold = bmc_alloc(mem, nodes, sizeof(float));
	g->effect = bmc_alloc(mem, nodes, sizeof(float));
	g->people = bmc_alloc(mem, bmc_mul((size_t) threads, g->data->n), sizeof(uint32_t));
	return g->count && g->column && g->left && g->threshold && g->effect && g->people ? BM_OK
																					  : BM_ENOMEM;
}

static void
give_back(Grow *g, BmMem *mem)
{
	bmc_free(mem, g->people);
	bmc_free(mem, g->effect);
	bmc_free(mem, g->threshold);
	bmc_free(mem, g->left);
	bmc_free(mem, g->column);
	bmc_free(mem, g->count);
	bmc_bins_free(&g->bins, mem);
}

/* The trees one after the other, without the room that they did not use. */
static BmStatus
pack(BmUpliftForest *out, const Grow *g, BmMem *mem)
{
	size_t trees = (size_t) g->o.trees, at = 0;

	for (size_t t = 0; t < trees; t++)
		out->nodes += g->count[t];
	out->trees = trees;
	out->root = bmc_alloc(mem, trees, sizeof(int32_t));
	out->column = bmc_alloc(mem, out->nodes, sizeof(int32_t));
	out->threshold = bmc_alloc(mem, out->nodes, sizeof(float));
	out->left = bmc_alloc(mem, out->nodes, sizeof(int32_t));
	out->effect = bmc_alloc(mem, out->nodes, sizeof(float));
	if (!out->root || !out->column || !out->threshold || !out->left || !out->effect)
		return BM_ENOMEM;
	for (size_t t = 0; t < trees; t++)
	{
		size_t from = t * g->capacity, n = g->count[t];

		out->root[t] = (int32_t) at;
		memcpy(out->column + at, g->column + from, n * sizeof(int32_t));
		memcpy(out->threshold + at, g->threshold + from, n * sizeof(float));
		memcpy(out->effect + at, g->effect + from, n * sizeof(float));
		for (size_t i = 0; i < n; i++)
			out->left[at + i] = g->left[from + i] ? g->left[from + i] + (int32_t) at : 0;
		at += n;
	}
	return BM_OK;
}

BmStatus
bmc_uplift_forest_fit(BmUpliftForest *out, const BmUpliftData *data, const BmUpliftForestOptions *o,
					  uint64_t seed, BmPool *pool, BmMem *mem, const BmStop *stop)
{
	Grow g = {.data = data, .o = *o, .seed = seed};
	int threads = pool ? bmc_pool_threads(pool) : 1;
	BmStatus status;

	memset(out, 0, sizeof(*out));
	if (!both_arms(data, o->min_arm) || !outcome_fits(data, o->criterion) || data->width == 0)
		return BM_EINVAL;
	g.sample = (size_t) ceil(o->sample * (double) data->n);
	g.capacity = capacity_of(g.sample, o);
	if (g.o.columns <= 0)
		g.o.columns = (int) ceil(sqrt((double) data->width)) + 1;
	if ((size_t) g.o.columns > data->width)
		g.o.columns = (int) data->width;
	status = bmc_bins(&g.bins, data->x, data->n, data->width, o->bins, mem, stop);
	if (status == BM_OK)
		status = take(&g, threads, mem);
	if (status == BM_OK)
		status = bmc_pool_run(pool, grow_task, &g, (size_t) o->trees, stop);
	if (status == BM_OK)
		status = pack(out, &g, mem);
	give_back(&g, mem);
	if (status != BM_OK)
		bmc_uplift_forest_free(out, mem);
	return status;
}

void
bmc_uplift_forest_free(BmUpliftForest *forest, BmMem *mem)
{
	bmc_free(mem, forest->effect);
	bmc_free(mem, forest->left);
	bmc_free(mem, forest->threshold);
	bmc_free(mem, forest->column);
	bmc_free(mem, forest->root);
	memset(forest, 0, sizeof(*forest));
}

/* ---- answers ---- */

const char *
bmc_uplift_forest_check(const BmUpliftForest *f, size_t width)
{
	if (f->trees == 0)
		return "it has no trees";
	for (size_t t = 0; t < f->trees; t++)
		if (f->root[t] < 0 || (size_t) f->root[t] >= f->nodes)
			return "a root is out of range";
	for (size_t i = 0; i < f->nodes; i++)
	{
		/* children after their parent, so every walk ends */
		if (f->left[i] != 0 && (f->left[i] <= (int32_t) i || (size_t) f->left[i] + 1 >= f->nodes))
			return "a child is out of range";
		if (f->column[i] < 0 || (size_t) f->column[i] >= width)
			return "a column is out of range";
	}
	return NULL;
}

static int32_t
child(const BmUpliftForest *f, int32_t node, const float *x)
{
	return f->left[node] + (x[f->column[node]] >= f->threshold[node]);
}

void
bmc_uplift_forest_predict(float *effect, const BmUpliftForest *f, const float *x, size_t n,
						  size_t width)
{
	for (size_t i = 0; i < n; i++, x += width)
	{
		double sum = 0;

		for (size_t t = 0; t < f->trees; t++)
		{
			int32_t node = f->root[t];

			while (f->left[node])
				node = child(f, node, x);
			sum += f->effect[node];
		}
		effect[i] = (float) (sum / (double) f->trees);
	}
}

double
bmc_uplift_forest_explain(double *share, const BmUpliftForest *f, const float *x, size_t width)
{
	double base = 0;

	memset(share, 0, width * sizeof(double));
	for (size_t t = 0; t < f->trees; t++)
	{
		int32_t node = f->root[t];

		base += f->effect[node];
		while (f->left[node])
		{
			int32_t next = child(f, node, x);

			share[f->column[node]] +=
				((double) f->effect[next] - f->effect[node]) / (double) f->trees;
			node = next;
		}
	}
	return base / (double) f->trees;
}
