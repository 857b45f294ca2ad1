/*
 * row_pattern.c
 *		Row patterns: recursive descent into a tree.
 *
 * Every node knows how many steps it will need, so that a pattern that grows too large when its
 * repetitions are written out is refused where it does, before anything is written.
 */
#include "core/mine/row_tree.h"

#include <string.h>

#define MAX_REPEATS 1000000 /* of one quantifier; the size limit comes first */

typedef struct Parser
{
	const char *text;
	size_t len, at;
	const BmRowNames *names;
	BmMem *mem;
	BmPatternError *error;
	BmRowNode *node;
	uint32_t n, capacity;
	int depth;
} Parser;

static BmStatus
syntax(Parser *s, const char *what)
{
	return bmc_pattern_fault(s->error, BM_PATTERN_SYNTAX, s->at, what);
}

/* ---- the tree ---- */

static BmStatus
new_node(Parser *s, BmRowNodeKind kind, uint32_t *index)
{
	if (s->n == s->capacity)
	{
		uint32_t capacity = s->capacity ? 2 * s->capacity : 64;
		BmRowNode *grown = bmc_realloc(s->mem, s->node, capacity, sizeof(BmRowNode));

		if (grown == NULL)
			return BM_ENOMEM;
		s->node = grown;
		s->capacity = capacity;
	}
	*index = s->n++;
	memset(&s->node[*index], 0, sizeof(BmRowNode));
	s->node[*index].kind = (uint8_t) kind;
	s->node[*index].last = s->node[*index].before = BM_ROW_NONE;
	return BM_OK;
}

/* n * size + more steps, or an error at byte at of the text. */
static BmStatus
set_size(Parser *s, uint32_t index, uint64_t steps, size_t at)
{
	if (steps > BM_MAX_ROW_PROGRAM)
		return bmc_pattern_fault(
			s->error, BM_PATTERN_RANGE, at,
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
			return bmc_pattern_fault(s->error, BM_PATTERN_RANGE, at,
									 "a repetition is at most 1000000 times");
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
			BmStatus status = new_node(s, BM_ROW_NODE_STEP, index);

			if (status != BM_OK)
				return status;
			s->node[*index].op = BM_ROW_SYMBOL;
			s->node[*index].symbol = (uint8_t) i;
			return set_size(s, *index, 1, at);
		}
	return bmc_pattern_fault(s->error, BM_PATTERN_NAME, at, "there is no condition of this name");
}

static BmStatus
parse_quoted(Parser *s, uint32_t *index)
{
	size_t begin = s->at++;
	const char *end = memchr(s->text + s->at, '"', s->len - s->at);
	const char *name = s->text + s->at;

	if (end == NULL)
		return bmc_pattern_fault(s->error, BM_PATTERN_SYNTAX, begin, "the quoted name has no end");
	s->at += (size_t) (end - name) + 1;
	return add_symbol(s, name, (size_t) (end - name), begin, index);
}

static BmStatus
parse_anchor(Parser *s, BmRowOp op, uint32_t *index)
{
	size_t at = s->at++;
	BmStatus status = new_node(s, BM_ROW_NODE_STEP, index);

	if (status != BM_OK)
		return status;
	s->node[*index].op = (uint8_t) op;
	return set_size(s, *index, 1, at);
}

static BmStatus
enter(Parser *s, size_t at)
{
	if (++s->depth > BM_MAX_ROW_NESTING)
		return bmc_pattern_fault(s->error, BM_PATTERN_RANGE, at,
								 "groups are nested more than 100 deep");
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
		status = new_node(s, BM_ROW_NODE_SEQUENCE, index);
	else
		status = parse_choice(s, index);
	return status == BM_OK ? leave(s, "expected \")\"") : status;
}

static BmStatus
parse_permute(Parser *s, size_t begin, uint32_t *index)
{
	BmStatus status = enter(s, s->at++);
	int elements = 0;
	bool prefixes;

	if (status == BM_OK)
		status = new_node(s, BM_ROW_NODE_PERMUTE, index);
	while (status == BM_OK)
	{
		uint32_t child;
		size_t at = s->at;

		if (++elements > BM_MAX_PERMUTE)
			return bmc_pattern_fault(s->error, BM_PATTERN_RANGE, at,
									 "PERMUTE takes at most six elements");
		status = parse_choice(s, &child);
		if (status == BM_OK)
			status = add_child(s, *index, child, 0, at);
		if (status == BM_OK && !take(s, ','))
			break;
	}
	if (status == BM_OK)
		status = set_size(s, *index, bmc_row_permute_size(s->node, *index, &prefixes), begin);
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
		*most = BM_ROW_UNBOUNDED;
		if (!from || !looking_at(s, '}'))
			status = parse_number(s, most);
	}
	if (status != BM_OK)
		return status;
	if (*most < *least)
		return bmc_pattern_fault(s->error, BM_PATTERN_RANGE, at,
								 "the upper end of a repetition is below its lower");
	return take(s, '}') ? BM_OK : syntax(s, "expected \"}\"");
}

static uint64_t
repeat_size(uint64_t size, uint32_t least, uint32_t most)
{
	if (size == 0)
		return 0;
	return least * size + (most == BM_ROW_UNBOUNDED ? size + 1 : (most - least) * (size + 1));
}

/* A quantifier behind *index, if there is one, replaces it. */
static BmStatus
parse_quantifier(Parser *s, uint32_t *index)
{
	uint32_t child = *index, least = 0, most = BM_ROW_UNBOUNDED;
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
		status = new_node(s, BM_ROW_NODE_REPEAT, index);
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
	BmStatus status = new_node(s, BM_ROW_NODE_SEQUENCE, index);

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
	if (s->node[*index].last != BM_ROW_NONE && s->node[s->node[*index].last].before == BM_ROW_NONE)
		*index = s->node[*index].last;
	return BM_OK;
}

static BmStatus
parse_choice(Parser *s, uint32_t *index)
{
	BmStatus status = parse_sequence(s, index);
	uint32_t choice = BM_ROW_NONE, child = *index;
	size_t at = s->at;

	if (status != BM_OK || !looking_at(s, '|'))
		return status;
	status = new_node(s, BM_ROW_NODE_CHOICE, &choice);
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

BmStatus
bmc_row_parse(BmRowProgram *program, const char *text, size_t len, const BmRowNames *names,
			  BmMem *mem, BmPatternError *error)
{
	Parser s = {.text = text, .len = len, .names = names, .mem = mem, .error = error};
	uint32_t root;
	BmStatus status;

	memset(program, 0, sizeof(*program));
	status = parse_choice(&s, &root);
	if (status == BM_OK && s.at < len)
		status =
			syntax(&s, text[s.at] == ')' ? "this \")\" closes no group"
										 : "\",\" stands only between the elements of PERMUTE");
	if (status == BM_OK)
		status = bmc_row_compile(program, s.node, root, mem);
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
