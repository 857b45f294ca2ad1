/*
 * wildcard.h
 *		Names matched by patterns in which '*' stands for any run of bytes, also none. Nothing else is
 *		special ('?' is common in the addresses of pages), and case counts.
 */
#ifndef BM_WILDCARD_H
#define BM_WILDCARD_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Does the whole of text (len bytes) match? Only the last star is ever tried again: what earlier
 * stars took is the shortest that works, and shorter leaves more for the rest. O(len * pattern).
 */
static inline bool
bmc_wildcard_match(const char *pattern, size_t plen, const char *text, size_t len)
{
	size_t p = 0, t = 0, star = (size_t) -1, resume = 0;

	while (t < len)
	{
		if (p < plen && pattern[p] == '*')
		{
			star = p++;
			resume = t;
		}
		else if (p < plen && pattern[p] == text[t])
		{
			p++;
			t++;
		}
		else if (star != (size_t) -1)
		{
			p = star + 1;
			t = ++resume;
		}
		else
			return false;
	}
	while (p < plen && pattern[p] == '*')
		p++;
	return p == plen;
}

#endif
