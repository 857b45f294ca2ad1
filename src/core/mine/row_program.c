/*
 * row_program.c
 *		The tree of a row pattern into a program, written from its end: each piece is told where to go
 *		on, and says where it begins.
 */
#include "core/mine/row_tree.h"

typedef struct Emitter
{
	const BmRowNode *node;
	BmRowProgram *program;
} Emitter;

uint64_t
bmc_row_permute_size(const BmRowNode *node, uint32_t index, bool *prefixes)
{
	uint64_t sum = 0, orders = 1, tree = 0;
	uint32_t k = 0;

	*prefixes = true;
	for (uint32_t c = node[index].last; c != BM_ROW_NONE; c = node[c].before)
	{
		sum += node[c].size;
		*prefixes = *prefixes && node[c].kind == BM_ROW_NODE_STEP;
		k++;
	}
	for (uint32_t i = 1; i <= k; i++)
	{
		tree = i * (1 + tree) + i - 1;
		orders *= i;
	}
	return *prefixes ? tree : orders * sum + orders - 1;
}

/*
 * Two entries of one piece: for a round of a repetition that has not taken a row yet, and for one
 * that has; the same where it makes no difference. Only the second way leads back to the beginning
 * of a repetition without upper end. So no circle of steps is without a row, and the machine, which
 * visits a step once before a row, keeps the order of preference.
 */
typedef struct Way
{
	uint32_t fresh, taken;
} Way;

#define STEP_MATCH 0
#define STEP_NOWHERE 1

static uint32_t
emit_step(BmRowProgram *p, BmRowOp op, uint8_t symbol, uint32_t next, uint32_t other)
{
	BmRowStep *step = &p->step[p->n];

	step->op = (uint8_t) op;
	step->symbol = symbol;
	step->next = next;
	step->other = other;
	return p->n++;
}

static Way
emit_anchor(BmRowProgram *p, BmRowOp op, Way next)
{
	Way way;

	way.taken = way.fresh = emit_step(p, op, 0, next.taken, BM_ROW_NONE);
	if (next.fresh != next.taken)
		way.fresh = emit_step(p, op, 0, next.fresh, BM_ROW_NONE);
	return way;
}

static Way
emit_symbol(BmRowProgram *p, uint8_t symbol, Way next)
{
	Way way;

	way.taken = way.fresh = emit_step(p, BM_ROW_SYMBOL, symbol, next.taken, BM_ROW_NONE);
	return way;
}

static Way
emit_choice(BmRowProgram *p, Way preferred, Way other)
{
	Way way;

	way.taken = way.fresh = emit_step(p, BM_ROW_CHOICE, 0, preferred.taken, other.taken);
	if (preferred.fresh != preferred.taken || other.fresh != other.taken)
		way.fresh = emit_step(p, BM_ROW_CHOICE, 0, preferred.fresh, other.fresh);
	return way;
}

static Way emit(Emitter *s, uint32_t index, Way next);

/* A choice between going through body and going on at next. */
static Way
emit_optional(Emitter *s, const BmRowNode *repeat, Way body, Way next)
{
	return repeat->reluctant ? emit_choice(s->program, next, body)
							 : emit_choice(s->program, body, next);
}

/* Any number of rounds; each has to take a row. */
static Way
emit_rounds(Emitter *s, const BmRowNode *repeat, Way next)
{
	BmRowStep *const steps = s->program->step;
	Way again = {STEP_NOWHERE, 0}, loop, body;

	loop = emit_optional(s, repeat, next, next);
	again.taken = loop.taken;
	body = emit(s, repeat->last, again);
	for (int i = 0; i < 2; i++)
	{
		BmRowStep *step = &steps[i == 0 ? loop.taken : loop.fresh];

		*(repeat->reluctant ? &step->other : &step->next) = body.fresh;
	}
	return loop;
}

static Way
emit_repeat(Emitter *s, const BmRowNode *repeat, Way next)
{
	Way entry = next;

	if (repeat->most == BM_ROW_UNBOUNDED)
		entry = emit_rounds(s, repeat, next);
	else
		for (uint32_t i = repeat->least; i < repeat->most; i++)
			entry = emit_optional(s, repeat, emit(s, repeat->last, entry), next);
	for (uint32_t i = 0; i < repeat->least; i++)
		entry = emit(s, repeat->last, entry);
	return entry;
}

/* The orders of the elements in left, those of equal beginnings sharing it. */
static Way
emit_prefixes(Emitter *s, const uint32_t *element, int k, uint32_t left, Way next)
{
	Way entry = next;
	bool any = false;

	for (int i = k - 1; i >= 0; i--)
		if (left >> i & 1)
		{
			Way rest = emit_prefixes(s, element, k, left & ~(UINT32_C(1) << i), next);
			Way way = emit(s, element[i], rest);

			entry = any ? emit_choice(s->program, way, entry) : way;
			any = true;
		}
	return entry;
}

/* The order before this one in the lexicographic sense; false at the first. */
static bool
previous_order(int *order, int k)
{
	int i = k - 2, j = k - 1, swap;

	while (i >= 0 && order[i] < order[i + 1])
		i--;
	if (i < 0)
		return false;
	while (order[j] > order[i])
		j--;
	swap = order[i], order[i] = order[j], order[j] = swap;
	for (i++, j = k - 1; i < j; i++, j--)
		swap = order[i], order[i] = order[j], order[j] = swap;
	return true;
}

static Way
emit_orders(Emitter *s, const uint32_t *element, int k, Way next)
{
	int order[BM_MAX_PERMUTE];
	Way entry = next;
	bool any = false;

	for (int i = 0; i < k; i++)
		order[i] = k - 1 - i;
	do
	{
		Way way = next;

		for (int i = k - 1; i >= 0; i--)
			way = emit(s, element[order[i]], way);
		entry = any ? emit_choice(s->program, way, entry) : way;
		any = true;
	} while (previous_order(order, k));
	return entry;
}

static Way
emit_permute(Emitter *s, uint32_t index, Way next)
{
	uint32_t element[BM_MAX_PERMUTE];
	int k = 0, i;
	bool prefixes;

	bmc_row_permute_size(s->node, index, &prefixes);
	for (uint32_t c = s->node[index].last; c != BM_ROW_NONE; c = s->node[c].before)
		k++;
	i = k;
	for (uint32_t c = s->node[index].last; c != BM_ROW_NONE; c = s->node[c].before)
		element[--i] = c;
	return prefixes ? emit_prefixes(s, element, k, (UINT32_C(1) << k) - 1, next)
					: emit_orders(s, element, k, next);
}

/* Write node index so that it goes on at next; where it begins. */
static Way
emit(Emitter *s, uint32_t index, Way next)
{
	const BmRowNode *node = &s->node[index];
	Way entry = next;

	if (node->size == 0)
		return next;
	switch ((BmRowNodeKind) node->kind)
	{
	case BM_ROW_NODE_STEP:
		return node->op == BM_ROW_SYMBOL ? emit_symbol(s->program, node->symbol, next)
										 : emit_anchor(s->program, (BmRowOp) node->op, next);
	case BM_ROW_NODE_SEQUENCE:
		for (uint32_t c = node->last; c != BM_ROW_NONE; c = s->node[c].before)
			entry = emit(s, c, entry);
		return entry;
	case BM_ROW_NODE_CHOICE:
		entry = emit(s, node->last, next);
		for (uint32_t c = s->node[node->last].before; c != BM_ROW_NONE; c = s->node[c].before)
			entry = emit_choice(s->program, emit(s, c, next), entry);
		return entry;
	case BM_ROW_NODE_REPEAT:
		return emit_repeat(s, node, next);
	case BM_ROW_NODE_PERMUTE:
		return emit_permute(s, index, next);
	}
	return entry;
}

/* The conditions of the symbols that entry leads to without a row, whatever the anchors say. */
static BmStatus
find_begins(BmRowProgram *p, BmMem *mem)
{
	uint32_t *stack = bmc_alloc(mem, p->n + 1, sizeof(uint32_t)), depth = 0;
	bool *seen = bmc_alloc0(mem, p->n, sizeof(bool));
	BmStatus status = stack && seen ? BM_OK : BM_ENOMEM;

	p->begins = 0;
	if (status == BM_OK)
	{
		stack[depth++] = p->entry;
		seen[p->entry] = true;
	}
	while (status == BM_OK && depth > 0)
	{
		const BmRowStep *step = &p->step[stack[--depth]];
		uint32_t to[2] = {step->next, step->op == BM_ROW_CHOICE ? step->other : step->next};

		if (step->op == BM_ROW_SYMBOL)
			p->begins |= bmc_condition_bit(step->symbol);
		else if (step->op != BM_ROW_MATCH && step->op != BM_ROW_NOWHERE)
			for (int i = 0; i < 2; i++)
				if (!seen[to[i]])
				{
					seen[to[i]] = true;
					stack[depth++] = to[i];
				}
	}
	bmc_free(mem, stack);
	bmc_free(mem, seen);
	return status;
}

BmStatus
bmc_row_compile(BmRowProgram *p, const BmRowNode *node, uint32_t root, BmMem *mem)
{
	Emitter s = {node, p};
	Way end = {STEP_MATCH, STEP_MATCH};

	/* what stands in a repetition may need both ways */
	p->step = bmc_alloc(mem, 2 * (size_t) node[root].size + 2, sizeof(BmRowStep));
	if (p->step == NULL)
		return BM_ENOMEM;
	emit_step(p, BM_ROW_MATCH, 0, BM_ROW_NONE, BM_ROW_NONE);
	emit_step(p, BM_ROW_NOWHERE, 0, BM_ROW_NONE, BM_ROW_NONE);
	p->entry = emit(&s, root, end).taken;
	return find_begins(p, mem);
}
