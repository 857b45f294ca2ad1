/*
 * row_pattern.c
 *		Row patterns: recursive descent into a tree, the tree into a program.
 *
 * Every node knows how many steps it will need, so that a pattern that grows too large when its
 * repetitions are written out is refused where it does, before anything is written.
 */
#include "core/mine/row_pattern.h"

#include <string.h>

#define NONE UINT32_MAX
#define MAX_REPEATS 1000000 /* of one quantifier; the size limit comes first */
#define UNBOUNDED UINT32_MAX

typedef enum NodeKind
{
	NODE_STEP, /* one step: a symbol or an anchor */
	NODE_SEQUENCE,
	NODE_CHOICE,
	NODE_REPEAT,
	NODE_PERMUTE
} NodeKind;

typedef struct Node
{
	uint8_t kind;
	uint8_t op, symbol; /* NODE_STEP */
	bool reluctant;     /* NODE_REPEAT */
	uint32_t least, most;
	uint32_t last;   /* last child, NONE without one */
	uint32_t before; /* sibling to the left */
	uint32_t size;   /* steps */
} Node;

typedef struct Parser
{
	const char *text;
	size_t len, at;
	const BmRowNames *names;
	BmMem *mem;
	BmPatternError *error;
	Node *node;
	uint32_t n, capacity;
	int depth;
	BmRowProgram *program;
} Parser;

static BmStatus
fault(Parser *s, BmPatternFault kind, size_t at, const char *what)
{
	s->error->fault = kind;
	s->error->at = at;
	s->error->what = what;
	return BM_EINVAL;
}

static BmStatus
syntax(Parser *s, const char *what)
{
	return fault(s, BM_PATTERN_SYNTAX, s->at, what);
}

/* ---- the tree ---- */

static BmStatus
new_node(Parser *s, NodeKind kind, uint32_t *index)
{
	if (s->n == s->capacity)
	{
		uint32_t capacity = s->capacity ? 2 * s->capacity : 64;
		Node *grown = bmc_realloc(s->mem, s->node, capacity, sizeof(Node));

		if (grown == NULL)
			return BM_ENOMEM;
		s->node = grown;
		s->capacity = capacity;
	}
	*index = s->n++;
	memset(&s->node[*index], 0, sizeof(Node));
	s->node[*index].kind = (uint8_t) kind;
	s->node[*index].last = s->node[*index].before = NONE;
	return BM_OK;
}

/* n * size + more steps, or an error at byte at of the text. */
static BmStatus
set_size(Parser *s, uint32_t index, uint64_t steps, size_t at)
{
	if (steps > BM_MAX_ROW_PROGRAM)
		return fault(s, BM_PATTERN_RANGE, at,
					 "it has more than 16384 steps when its repetitions are written out");
	s->node[index].size = (uint32_t) steps;
	return BM_OK;
}

/* extra: steps of the parent for this child. */
static BmStatus
add_child(Parser *s, uint32_t parent, uint32_t child, uint32_t extra, size_t at)
{
	s->node[child].before = s->node[parent].last;
	s->node[parent].last = child;
	return set_size(s, parent, (uint64_t) s->node[parent].size + s->node[child].size + extra, at);
}

/* ---- characters and words ---- */

static void
skip_blanks(Parser *s)
{
	while (s->at < s->len && s->text[s->at] != '\0' && strchr(" \t\r\n\f\v", s->text[s->at]))
		s->at++;
}

static bool
looking_at(Parser *s, char c)
{
	skip_blanks(s);
	return s->at < s->len && s->text[s->at] == c;
}

static bool
take(Parser *s, char c)
{
	if (!looking_at(s, c))
		return false;
	s->at++;
	return true;
}

/* Bytes above ASCII are letters of some language. */
static bool
name_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
		   (unsigned char) c >= 0x80;
}

static size_t
name_length(const Parser *s)
{
	size_t end = s->at;

	while (end < s->len && name_byte(s->text[end]))
		end++;
	return end - s->at;
}

static bool
is_permute(const char *word, size_t len)
{
	static const char upper[] = "PERMUTE";

	if (len != sizeof(upper) - 1)
		return false;
	for (size_t i = 0; i < len; i++)
		if ((word[i] & ~0x20) != upper[i])
			return false;
	return true;
}

static BmStatus
parse_number(Parser *s, uint32_t *v)
{
	size_t at;
	uint64_t sum = 0;

	skip_blanks(s);
	at = s->at;
	for (; s->at < s->len && s->text[s->at] >= '0' && s->text[s->at] <= '9'; s->at++)
	{
		sum = sum * 10 + (uint64_t) (s->text[s->at] - '0');
		if (sum > MAX_REPEATS)
			return fault(s, BM_PATTERN_RANGE, at, "a repetition is at most 1000000 times");
	}
	if (s->at == at)
		return syntax(s, "expected a number");
	*v = (uint32_t) sum;
	return BM_OK;
}

/* ---- grammar ---- */

static BmStatus parse_choice(Parser *s, uint32_t *index);

static BmStatus
add_symbol(Parser *s, const char *name, size_t len, size_t at, uint32_t *index)
{
	for (int i = 0; i < s->names->n; i++)
		if (s->names->len[i] == len && memcmp(s->names->name[i], name, len) == 0)
		{
			BmStatus status = new_node(s, NODE_STEP, index);

			if (status != BM_OK)
				return status;
			s->node[*index].op = BM_ROW_SYMBOL;
			s->node[*index].symbol = (uint8_t) i;
			return set_size(s, *index, 1, at);
		}
	return fault(s, BM_PATTERN_NAME, at, "there is no condition of this name");
}

static BmStatus
parse_quoted(Parser *s, uint32_t *index)
{
	size_t begin = s->at++;
	const char *end = memchr(s->text + s->at, '"', s->len - s->at);
	const char *name = s->text + s->at;

	if (end == NULL)
		return fault(s, BM_PATTERN_SYNTAX, begin, "the quoted name has no end");
	s->at += (size_t) (end - name) + 1;
	return add_symbol(s, name, (size_t) (end - name), begin, index);
}

static BmStatus
parse_anchor(Parser *s, BmRowOp op, uint32_t *index)
{
	size_t at = s->at++;
	BmStatus status = new_node(s, NODE_STEP, index);

	if (status != BM_OK)
		return status;
	s->node[*index].op = (uint8_t) op;
	return set_size(s, *index, 1, at);
}

static BmStatus
enter(Parser *s, size_t at)
{
	if (++s->depth > BM_MAX_ROW_NESTING)
		return fault(s, BM_PATTERN_RANGE, at, "groups are nested more than 100 deep");
	return BM_OK;
}

static BmStatus
leave(Parser *s, const char *expected)
{
	s->depth--;
	return take(s, ')') ? BM_OK : syntax(s, expected);
}

static BmStatus
parse_group(Parser *s, uint32_t *index)
{
	BmStatus status = enter(s, s->at++);

	if (status != BM_OK)
		return status;
	if (looking_at(s, ')'))
		status = new_node(s, NODE_SEQUENCE, index);
	else
		status = parse_choice(s, index);
	return status == BM_OK ? leave(s, "expected \")\"") : status;
}

/* Steps of all orders: as a tree of prefixes where all elements are single steps, else written out. */
static uint64_t
permute_size(const Parser *s, uint32_t index, bool *prefixes)
{
	uint64_t sum = 0, orders = 1, tree = 0;
	uint32_t k = 0;

	*prefixes = true;
	for (uint32_t c = s->node[index].last; c != NONE; c = s->node[c].before)
	{
		sum += s->node[c].size;
		*prefixes = *prefixes && s->node[c].kind == NODE_STEP;
		k++;
	}
	for (uint32_t i = 1; i <= k; i++)
	{
		tree = i * (1 + tree) + i - 1;
		orders *= i;
	}
	return *prefixes ? tree : orders * sum + orders - 1;
}

static BmStatus
parse_permute(Parser *s, size_t begin, uint32_t *index)
{
	BmStatus status = enter(s, s->at++);
	int elements = 0;
	bool prefixes;

	if (status == BM_OK)
		status = new_node(s, NODE_PERMUTE, index);
	while (status == BM_OK)
	{
		uint32_t child;
		size_t at = s->at;

		if (++elements > BM_MAX_PERMUTE)
			return fault(s, BM_PATTERN_RANGE, at, "PERMUTE takes at most six elements");
		status = parse_choice(s, &child);
		if (status == BM_OK)
			status = add_child(s, *index, child, 0, at);
		if (status == BM_OK && !take(s, ','))
			break;
	}
	if (status == BM_OK)
		status = set_size(s, *index, permute_size(s, *index, &prefixes), begin);
	return status == BM_OK ? leave(s, "expected \",\" or \")\"") : status;
}

static BmStatus
parse_primary(Parser *s, uint32_t *index)
{
	size_t begin, len;

	skip_blanks(s);
	begin = s->at;
	if (begin >= s->len)
		return syntax(s, "expected a name, a group or an anchor");
	if (s->text[begin] == '(')
		return parse_group(s, index);
	if (s->text[begin] == '"')
		return parse_quoted(s, index);
	if (s->text[begin] == '^')
		return parse_anchor(s, BM_ROW_FIRST, index);
	if (s->text[begin] == '$')
		return parse_anchor(s, BM_ROW_LAST, index);
	len = name_length(s);
	if (len == 0)
		return syntax(s, "expected a name, a group or an anchor");
	s->at += len;
	if (is_permute(s->text + begin, len) && looking_at(s, '('))
		return parse_permute(s, begin, index);
	return add_symbol(s, s->text + begin, len, begin, index);
}

/* Behind "{": n}, n,}, ,m} or n,m} */
static BmStatus
parse_braces(Parser *s, uint32_t *least, uint32_t *most)
{
	size_t at = s->at;
	bool from = !looking_at(s, ',');
	BmStatus status = BM_OK;

	*least = 0;
	if (from)
		status = parse_number(s, least);
	*most = *least;
	if (status == BM_OK && take(s, ','))
	{
		*most = UNBOUNDED;
		if (!from || !looking_at(s, '}'))
			status = parse_number(s, most);
	}
	if (status != BM_OK)
		return status;
	if (*most < *least)
		return fault(s, BM_PATTERN_RANGE, at, "the upper end of a repetition is below its lower");
	return take(s, '}') ? BM_OK : syntax(s, "expected \"}\"");
}

static uint64_t
repeat_size(uint64_t size, uint32_t least, uint32_t most)
{
	if (size == 0)
		return 0;
	return least * size + (most == UNBOUNDED ? size + 1 : (most - least) * (size + 1));
}

/* A quantifier behind *index, if there is one, replaces it. */
static BmStatus
parse_quantifier(Parser *s, uint32_t *index)
{
	uint32_t child = *index, least = 0, most = UNBOUNDED;
	BmStatus status = BM_OK;
	size_t at;

	skip_blanks(s);
	at = s->at;
	if (take(s, '+'))
		least = 1;
	else if (take(s, '?'))
		most = 1;
	else if (take(s, '{'))
		status = parse_braces(s, &least, &most);
	else if (!take(s, '*'))
		return BM_OK;
	if (status == BM_OK)
		status = new_node(s, NODE_REPEAT, index);
	if (status == BM_OK)
		status = add_child(s, *index, child, 0, at);
	if (status != BM_OK)
		return status;
	s->node[*index].least = least;
	s->node[*index].most = most;
	s->node[*index].reluctant = take(s, '?');
	return set_size(s, *index, repeat_size(s->node[child].size, least, most), at);
}

static BmStatus
parse_sequence(Parser *s, uint32_t *index)
{
	BmStatus status = new_node(s, NODE_SEQUENCE, index);

	do
	{
		uint32_t child;
		size_t at = s->at;

		if (status == BM_OK)
			status = parse_primary(s, &child);
		if (status == BM_OK)
			status = parse_quantifier(s, &child);
		if (status == BM_OK && s->node[child].size > 0)
			status = add_child(s, *index, child, 0, at);
		if (status != BM_OK)
			return status;
		skip_blanks(s);
	} while (s->at < s->len && !strchr("|),", s->text[s->at]));
	/* one alone needs no sequence around it */
	if (s->node[*index].last != NONE && s->node[s->node[*index].last].before == NONE)
		*index = s->node[*index].last;
	return BM_OK;
}

static BmStatus
parse_choice(Parser *s, uint32_t *index)
{
	BmStatus status = parse_sequence(s, index);
	uint32_t choice = NONE, child = *index;
	size_t at = s->at;

	if (status != BM_OK || !looking_at(s, '|'))
		return status;
	status = new_node(s, NODE_CHOICE, &choice);
	if (status == BM_OK)
		status = add_child(s, choice, child, 0, at);
	while (status == BM_OK && take(s, '|'))
	{
		at = s->at;
		status = parse_sequence(s, &child);
		if (status == BM_OK)
			status = add_child(s, choice, child, 1, at);
	}
	*index = choice;
	return status;
}

/* ---- the program, written from its end: each piece is told where to go on ---- */

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

	way.taken = way.fresh = emit_step(p, op, 0, next.taken, NONE);
	if (next.fresh != next.taken)
		way.fresh = emit_step(p, op, 0, next.fresh, NONE);
	return way;
}

static Way
emit_symbol(BmRowProgram *p, uint8_t symbol, Way next)
{
	Way way;

	way.taken = way.fresh = emit_step(p, BM_ROW_SYMBOL, symbol, next.taken, NONE);
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

static Way emit(Parser *s, uint32_t index, Way next);

/* A choice between going through body and going on at next. */
static Way
emit_optional(Parser *s, const Node *repeat, Way body, Way next)
{
	return repeat->reluctant ? emit_choice(s->program, next, body)
							 : emit_choice(s->program, body, next);
}

/* Any number of rounds; each has to take a row. */
static Way
emit_rounds(Parser *s, const Node *repeat, Way next)
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
emit_repeat(Parser *s, const Node *repeat, Way next)
{
	Way entry = next;

	if (repeat->most == UNBOUNDED)
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
emit_prefixes(Parser *s, const uint32_t *element, int k, uint32_t left, Way next)
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
emit_orders(Parser *s, const uint32_t *element, int k, Way next)
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
emit_permute(Parser *s, uint32_t index, Way next)
{
	uint32_t element[BM_MAX_PERMUTE];
	int k = 0, i;
	bool prefixes;

	permute_size(s, index, &prefixes);
	for (uint32_t c = s->node[index].last; c != NONE; c = s->node[c].before)
		k++;
	i = k;
	for (uint32_t c = s->node[index].last; c != NONE; c = s->node[c].before)
		element[--i] = c;
	return prefixes ? emit_prefixes(s, element, k, (UINT32_C(1) << k) - 1, next)
					: emit_orders(s, element, k, next);
}

/* Write node index so that it goes on at next; where it begins. */
static Way
emit(Parser *s, uint32_t index, Way next)
{
	const Node *node = &s->node[index];
	Way entry = next;

	if (node->size == 0)
		return next;
	switch ((NodeKind) node->kind)
	{
	case NODE_STEP:
		return node->op == BM_ROW_SYMBOL ? emit_symbol(s->program, node->symbol, next)
										 : emit_anchor(s->program, (BmRowOp) node->op, next);
	case NODE_SEQUENCE:
		for (uint32_t c = node->last; c != NONE; c = s->node[c].before)
			entry = emit(s, c, entry);
		return entry;
	case NODE_CHOICE:
		entry = emit(s, node->last, next);
		for (uint32_t c = s->node[node->last].before; c != NONE; c = s->node[c].before)
			entry = emit_choice(s->program, emit(s, c, next), entry);
		return entry;
	case NODE_REPEAT:
		return emit_repeat(s, node, next);
	case NODE_PERMUTE:
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

static BmStatus
compile(Parser *s, uint32_t root)
{
	BmRowProgram *p = s->program;
	Way end = {STEP_MATCH, STEP_MATCH};

	/* what stands in a repetition may need both ways */
	p->step = bmc_alloc(s->mem, 2 * (size_t) s->node[root].size + 2, sizeof(BmRowStep));
	if (p->step == NULL)
		return BM_ENOMEM;
	emit_step(p, BM_ROW_MATCH, 0, NONE, NONE);
	emit_step(p, BM_ROW_NOWHERE, 0, NONE, NONE);
	p->entry = emit(s, root, end).taken;
	return find_begins(p, s->mem);
}

BmStatus
bmc_row_parse(BmRowProgram *program, const char *text, size_t len, const BmRowNames *names,
			  BmMem *mem, BmPatternError *error)
{
	Parser s = {.text = text, .len = len, .names = names, .mem = mem, .error = error};
	uint32_t root;
	BmStatus status;

	memset(program, 0, sizeof(*program));
	s.program = program;
	status = parse_choice(&s, &root);
	if (status == BM_OK && s.at < len)
		status =
			syntax(&s, text[s.at] == ')' ? "this \")\" closes no group"
										 : "\",\" stands only between the elements of PERMUTE");
	if (status == BM_OK)
		status = compile(&s, root);
	bmc_free(mem, s.node);
	if (status != BM_OK)
		bmc_row_free(program, mem);
	return status;
}

void
bmc_row_free(BmRowProgram *program, BmMem *mem)
{
	bmc_free(mem, program->step);
	program->step = NULL;
}
